/** Values of the naive model: whole copies at every step. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const MAX_ARRAY = 65_536;
export class TooFar extends Error {}

export const isIndex = (key: string): boolean => /^(0|[1-9]\d*)$/.test(key);
export const isBelow = (path: string[], prefix: string[]): boolean => prefix.every((key, index) => path[index] === key);

export function memberOf(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  if (Array.isArray(value)) return isIndex(key) ? (value[Number(key)] as Json) : undefined;
  return value[key];
}

/** @param areKeys Whether each of the keys names a member of an object, whatever its text. */
export function setIn(node: Json | undefined, keys: string[], leaf: Json, areKeys: boolean[] = []): Json {
  const [key, ...rest] = keys;
  if (key === undefined) return leaf;
  let base: Json[] | { [key: string]: Json };
  if (typeof node !== "object" || node === null)
    base = isIndex(key) && Number(key) < MAX_ARRAY && !areKeys[0] ? [] : {};
  else if (Array.isArray(node)) base = isIndex(key) ? [...node] : Object.fromEntries(Object.entries(node));
  else base = { ...node };
  if (!Array.isArray(base)) {
    base[key] = setIn(memberOf(base, key), rest, leaf, areKeys.slice(1));
    return base;
  }
  if (Number(key) >= base.length && Number(key) >= MAX_ARRAY) throw new TooFar();
  while (base.length <= Number(key)) base.push(null);
  base[Number(key)] = setIn(memberOf(node, key), rest, leaf, areKeys.slice(1));
  return base;
}

export function removeIn(node: Json, keys: string[]): Json {
  const [key, ...rest] = keys as [string, ...string[]];
  const copy = Array.isArray(node) ? [...node] : { ...(node as { [key: string]: Json }) };
  if (rest.length > 0) (copy as { [key: string]: Json })[key] = removeIn(memberOf(node, key) as Json, rest);
  else if (Array.isArray(copy)) copy[Number(key)] = null;
  else delete copy[key];
  return copy;
}

export function prune(node: Json, path: string[], expiries: Map<string, number>, now: number): Json | undefined {
  const at = expiries.get(JSON.stringify(path));
  if (at !== undefined && at <= now) return undefined;
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node))
    return node.map((item, index) => prune(item, [...path, String(index)], expiries, now) ?? null);
  const seen: { [key: string]: Json } = {};
  for (const [key, member] of Object.entries(node)) {
    const shown = prune(member, [...path, key], expiries, now);
    if (shown !== undefined) seen[key] = shown;
  }
  return seen;
}
