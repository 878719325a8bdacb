// Server-sent events by `fetch`. Unlike an EventSource this can go on at a place that is known from before, and says why it cannot.
import { ApiError } from "./api.js";

// Reads the events of `address` and calls `onEvent({ name, id, data })` for each, until they end or `signal` is aborted. With `lastId`
// it goes on behind the event of that ID.
export async function readEvents(address, { lastId, signal, onEvent }) {
  const headers = lastId ? { "last-event-id": lastId } : {};
  let answer;
  try {
    answer = await fetch(address, { headers, signal, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    throw signal.aborted ? error : new ApiError("The Manager cannot be reached.");
  }
  if (!answer.ok) {
    const document = await answer.json().catch(() => null);
    throw new ApiError(document?.error?.message ?? `The Manager answered with status ${answer.status}.`, { status: answer.status });
  }
  const take = eventReader(onEvent);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) take(piece.value);
}

// Makes events of text that comes in pieces of any size.
export function eventReader(onEvent) {
  let rest = "";
  let event = { name: "message", id: null, data: [] };
  const line = (text) => {
    if (text === "") {
      if (event.data.length) onEvent({ ...event, data: event.data.join("\n") });
      event = { name: "message", id: null, data: [] };
      return;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data.push(value);
  };
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    lines.forEach(line);
  };
}
