// The lines of a log on the page, as text in blocks. The browser lays out only the blocks that can be seen (`content-visibility`), so
// that 200,000 lines scroll as easily as 200, and can still be marked, copied and found by the browser itself.

const IN_A_BLOCK = 250;
const LINE_HEIGHT = 18; // pixels, as the style sheet has it
// What is beyond is forgotten from the beginning, so that a log without end does not fill the memory.
const MOST = 400_000;
const MOST_FOUND = 5_000;

// What terminals take for colours and the like, and signs that would be drawn as boxes.
const CONTROLS = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]+[0-~]|[@-Z\\-_])|[\u0000-\u0008\u000b-\u001f\u007f]/g;

// A text without what only terminals understand.
export const plain = (text) => text.replace(CONTROLS, "");

export class Lines {
  // `field` is the element that the lines go into.
  constructor(field) {
    this.field = field;
    this.clear();
  }

  clear() {
    this.field.replaceChildren();
    this.blocks = []; // { element, text, lines }
    this.count = 0; // lines that are there
    this.dropped = 0; // lines that were forgotten
  }

  // Adds whole lines; the last has no newline at its end.
  append(text) {
    const lines = plain(text).split("\n");
    for (let from = 0; from < lines.length;) {
      const last = this.blocks.at(-1);
      const block = last && last.lines < IN_A_BLOCK && !last.isClosed ? last : this.#begin();
      const some = lines.slice(from, from + IN_A_BLOCK - block.lines);
      block.text.appendData(`${some.join("\n")}\n`);
      block.lines += some.length;
      block.element.style.containIntrinsicBlockSize = `auto ${block.lines * LINE_HEIGHT}px`;
      from += some.length;
    }
    this.count += lines.length;
    while (this.count > MOST) this.#dropFirst();
  }

  // Adds a line that is none of the log.
  mark(text) {
    const block = this.#begin();
    block.element.className = "mark";
    block.isClosed = true;
    block.text.appendData(text);
  }

  #begin() {
    const block = { element: document.createElement("pre"), text: document.createTextNode(""), lines: 0, isClosed: false };
    block.element.append(block.text);
    this.field.append(block.element);
    this.blocks.push(block);
    return block;
  }

  #dropFirst() {
    const block = this.blocks.shift();
    block.element.remove();
    this.count -= block.lines;
    this.dropped += block.lines;
  }

  // Where a text is found, whether in capitals or not: ranges from the beginning, so many at the most.
  find(part) {
    const wanted = part.toLowerCase();
    const found = [];
    for (const { text, isClosed } of wanted ? this.blocks : []) {
      if (isClosed) continue;
      const where = text.data.toLowerCase();
      for (let at = where.indexOf(wanted); at >= 0; at = where.indexOf(wanted, at + wanted.length)) {
        found.push(rangeOf(text, at, at + wanted.length));
        if (found.length === MOST_FOUND) return found;
      }
    }
    return found;
  }

  // A line by its number, from 1; null if it is not there.
  line(number) {
    let before = this.dropped;
    for (const { text, lines } of this.blocks) {
      if (number > before && number <= before + lines) {
        let from = 0;
        for (let i = before + 1; i < number; i += 1) from = text.data.indexOf("\n", from) + 1;
        return rangeOf(text, from, text.data.indexOf("\n", from));
      }
      before += lines;
    }
    return null;
  }
}

function rangeOf(text, from, to) {
  const range = document.createRange();
  range.setStart(text, Math.min(from, text.length));
  range.setEnd(text, Math.min(to, text.length));
  return range;
}
