// Windows over the page: a question before something that cannot be undone, and forms.
import { html, useEffect, useRef } from "../lib/preact.js";
import { store } from "../lib/store.js";

const question = store(null);

// Asks whether to do something: await confirm({ title: "Delete 3 jobs?", text: "…", action: "Delete", danger: true }). `no` is on the
// button that leaves it: another word where "Cancel" is what is asked about.
export function confirm({ title, text, action, danger = false, no = "Cancel" }) {
  return new Promise((answer) => question.set({ title, text, action, danger, no, answer }));
}

// Where the question is asked; once in the page.
export function Question() {
  const asked = question.use();
  if (!asked) return null;
  const answer = (isYes) => {
    question.set(null);
    asked.answer(isYes);
  };
  return html`<${Dialog} title=${asked.title} onClose=${() => answer(false)}>
    <div>${asked.text}</div>
    <footer>
      <button type="button" onClick=${() => answer(false)}>${asked.no}</button>
      <button type="button" class=${asked.danger ? "danger" : "primary"} onClick=${() => answer(true)}>${asked.action}</button>
    </footer>
  <//>`;
}

// A window over the page while it is drawn: <${Dialog} title="…" onClose=${close}>content<footer>buttons</footer><//>.
// Escape closes it; the focus goes back to where it was.
export function Dialog({ title, onClose, children }) {
  const dialog = useRef();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      before?.focus?.();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onCancel=${cancel}>
    <h2 id="dialog-title">${title}</h2>
    ${children}
  </dialog>`;
}
