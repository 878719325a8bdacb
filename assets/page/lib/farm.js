// The farm as a whole: what it does, how many of what there are, and what is wrong.
import { useData } from "./data.js";

// The Manager's document of the farm, with `useData`. Events tell of it what the document does, but for what never changes.
export const useFarm = () => useData("api/farm", { topics: ["farm"], merge: (farm, events) => ({ ...farm, ...events.at(-1).document }) });
