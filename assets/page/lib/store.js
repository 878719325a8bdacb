// A value that several parts of the page look at: each is drawn anew when it changes.
import { useEffect, useState } from "./preact.js";

export function store(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    // Calls `listener` at every change, until the function that it returns is called.
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    // For parts of the page: the value, now and whenever it changes.
    use() {
      const [seen, see] = useState(value);
      useEffect(() => {
        see(value);
        return this.listen(see);
      }, []);
      return seen;
    },
  };
}
