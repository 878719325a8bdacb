// Where the tasks of a graph are drawn: from left to right, each behind all that it waits for.

// So many rounds of moving each task towards those that it is tied to: more change little.
const ROUNDS = 6;

// Places the `tasks`, whose `parents` are places in the list. The answer is `layers`, lists of places from left to right; within
// a layer tasks stand near those that they are tied to, so that few lines cross.
export function layersOf(tasks) {
  const depths = depthsOf(tasks);
  const layers = Array.from({ length: depths.length ? Math.max(...depths) + 1 : 0 }, () => []);
  tasks.forEach((_, place) => layers[depths[place]].push(place));
  const children = tasks.map(() => []);
  tasks.forEach(({ parents }, place) => parents.forEach((parent) => children[parent].push(place)));
  for (let round = 0; round < ROUNDS; round += 1) {
    const isForth = round % 2 === 0;
    const ties = (place) => (isForth ? tasks[place].parents : children[place]);
    const order = new Map(layers.flatMap((layer) => layer.map((place, row) => [place, row / layer.length])));
    for (const layer of isForth ? layers : [...layers].reverse()) {
      const middle = new Map(layer.map((place) => {
        const rows = ties(place).map((other) => order.get(other));
        return [place, rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : order.get(place)];
      }));
      layer.sort((a, b) => middle.get(a) - middle.get(b) || a - b);
      layer.forEach((place, row) => order.set(place, row / layer.length));
    }
  }
  return layers;
}

// How many tasks are at most in a row before each. Tasks may come in any order; that none waits for itself the Manager sees to.
function depthsOf(tasks) {
  const depths = new Array(tasks.length).fill(undefined);
  const waiting = tasks.map((_, place) => place);
  while (waiting.length) {
    const place = waiting.at(-1);
    const open = tasks[place].parents.filter((parent) => depths[parent] === undefined);
    if (depths[place] === undefined && open.length) {
      waiting.push(...open);
    } else {
      depths[place] ??= Math.max(-1, ...tasks[place].parents.map((parent) => depths[parent])) + 1;
      waiting.pop();
    }
  }
  return depths;
}
