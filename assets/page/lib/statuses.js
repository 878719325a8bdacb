// Statuses in addresses and lists: of jobs, tasks and workers alike.

// Those of `known` that are written with commas between: "active,paused".
export const statusesIn = (text, known) => text.split(",").filter((status) => known.includes(status));

// How many of these are in which status: { active: 3 }.
export function countByStatus(things) {
  const counts = {};
  for (const { status } of things) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
