/** What a server answers to a new client, to the same one again, and to another one. */
exports.askAsTwoClients = async (url) => {
  let cookie = "";
  const ask = async (headers) => {
    const response = await fetch(url, { headers: { ...headers, connection: "close" } });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return await response.json();
  };
  return [await ask({}), await ask({ cookie }), await ask({})];
};
