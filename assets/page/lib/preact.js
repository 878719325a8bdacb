// The library that draws: everything of it that the pages use, from one place.
export {
  html, render, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/preact/standalone.module.js";
