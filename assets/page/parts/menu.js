// A button with a list of actions. The list lies on top of everything, so that no table cuts it off.
import { html, useRef, useState } from "../lib/preact.js";
import { Icon } from "./icon.js";

let last = 0;

// <${Menu} label="Actions" items=${[{ text: "Cancel", act, danger, disabled }, null, …]} />; null is a line between groups.
// With `icon` the button shows that instead of the label.
export function Menu({ label, icon, items }) {
  const [id] = useState(() => `menu-${(last += 1)}`);
  const [isOpen, setOpen] = useState(false);
  const button = useRef();
  const list = useRef();

  const place = () => {
    const at = button.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = list.current;
    const below = at.bottom + 4 + height <= innerHeight || at.top < height;
    list.current.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
    list.current.style.top = `${below ? at.bottom + 4 : at.top - height - 4}px`;
  };
  const toggled = (event) => {
    const isNowOpen = event.newState === "open";
    setOpen(isNowOpen);
    if (!isNowOpen) return;
    place();
    choices()[0]?.focus();
  };
  const choices = () => [...list.current.querySelectorAll("[role=menuitem]:not(:disabled)")];
  const step = (event) => {
    const all = choices();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) {
      if (event.key === "Tab") list.current.hidePopover();
      return;
    }
    event.preventDefault();
    all[(to + all.length) % all.length]?.focus();
  };
  const choose = (item) => {
    list.current.hidePopover();
    button.current.focus();
    item.act();
  };

  return html`<span class="menu">
    <button type="button" ref=${button} class=${icon ? "quiet icon-only" : ""} popovertarget=${id} aria-haspopup="menu"
      aria-expanded=${String(isOpen)} aria-label=${icon ? label : undefined} title=${icon ? label : undefined}
      disabled=${items.length === 0}>${icon ? html`<${Icon} name=${icon} />` : html`${label}<${Icon} name="down" />`}</button>
    <div ref=${list} id=${id} class="menu-list" popover="auto" role="menu" aria-label=${label} onToggle=${toggled}
      onKeyDown=${step}>
      ${items.map((item) => item
        ? html`<button type="button" role="menuitem" tabindex="-1" class=${item.danger ? "danger" : ""}
            disabled=${item.disabled} onClick=${() => choose(item)}>${item.text}</button>`
        : html`<div role="separator" />`)}
    </div>
  </span>`;
}
