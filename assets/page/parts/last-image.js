// The last rendered image, of the farm or of a job: as a box for other pages, and what the page of it is made of.
import { useData } from "../lib/data.js";
import { html } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { Panel } from "./page.js";
import { Ago } from "./time.js";

// What is known about the last image of the farm, or of a job, as it changes; like `useData`, with `data.image` or null.
export function useImage(job = null) {
  return useData(job ? `api/jobs/${job}/image` : "api/image", {
    topics: ["image"],
    merge: (data, events) => merge(data, events.map(({ document }) => document), job),
    // Of what is not shown no event tells.
    every: 60,
  });
}

// What is known, with what has happened since: each event is of the last image of the farm or of its job when it came.
export function merge(data, documents, job) {
  const isNewer = (one, other) => !other || Date.parse(one.produced) >= Date.parse(other.produced);
  const image = documents
    .filter((document) => !job || document.job === job)
    .reduce((last, document) => (isNewer(document, last) ? document : last), data.image);
  return image === data.image ? data : { ...data, image };
}

// A box with the image and a line about it: <${LastImage} /> or <${LastImage} job=${id} />. While there is none there is no box.
export function LastImage({ job = null }) {
  const image = useImage(job).data?.image;
  if (!image) return null;
  const all = html`<a href=${href("/image", { job })}>Look closer</a>`;
  return html`<${Panel} title="Last image" actions=${all}>
    <figure class="last-image">
      <a href=${href("/image", { job })}><${Picture} image=${image} job=${job} /></a>
      <figcaption>${!job && image.job_name && html`<a href=${href(`/jobs/${image.job}`)}>${image.job_name}</a>${" · "}`}
        ${image.worker && `${image.worker} · `}<${Ago} time=${image.produced} /></figcaption>
    </figure>
  <//>`;
}

// The image itself. The address has its version in it, so that the browser shows the new one.
export function Picture({ image, job = null }) {
  const address = job ? `api/jobs/${job}/image.jpg` : "latest-image.jpg";
  return html`<img src=${`${address}?version=${image.version}`} width=${image.width} height=${image.height} alt=${describe(image)} />`;
}

// The last part of a path of any platform.
export const fileName = (path) => path.split(/[/\\]/).at(-1);

// What somebody hears who does not see it.
export function describe(image) {
  const of = image.job_name ? ` of ${image.job_name}` : "";
  const by = image.worker ? `, rendered by ${image.worker}` : "";
  return `${fileName(image.path)}${of}${by}`;
}
