// The Manager's API, as scripts use it.

export class Api {
  constructor(url, token = null) {
    this.url = url;
    this.token = token;
  }

  /** The same API for whoever has this token. */
  as(token) {
    return new Api(this.url, token);
  }

  get(path) {
    return this.call("GET", path);
  }

  post(path, body) {
    return this.call("POST", path, body);
  }

  put(path, body) {
    return this.call("PUT", path, body);
  }

  patch(path, body) {
    return this.call("PATCH", path, body);
  }

  delete(path) {
    return this.call("DELETE", path);
  }

  /** The answer's document, null if it has none. Anything but success is an error. */
  async call(method, path, body) {
    const headers = {};
    if (this.token !== null) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(new URL(`api/${path}`, this.url), { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} api/${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }
}
