// Addresses with a query.

// withQuery("api/jobs", { limit: 50, text: "" }) is "api/jobs?limit=50": what is empty is left out.
export function withQuery(path, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(filled).toString();
  return text ? `${path}?${text}` : path;
}
