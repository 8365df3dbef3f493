/** What processes note of the locks that they hold, and the rules for it. */
import assert from "node:assert/strict";

/** From when until when a process held a lock, by the monotonic clock of the machine in ns; null: it did not say that it ended. */
export interface Session {
  readonly token: number;
  readonly pid: number;
  readonly from: bigint;
  until: bigint | null;
  isLost: boolean;
}

/** The sessions in the order in which they began. The last line may not be whole. */
export function sessionsOf(text: string): Session[] {
  const sessions = new Map<number, Session>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [what, token, pid, at] = line.split(" ") as [string, string, string, string];
    const known = sessions.get(Number(token));
    if (what === "acquired") {
      assert.equal(known, undefined, `nobody else has the token ${token}`);
      sessions.set(Number(token), {
        token: Number(token),
        pid: Number(pid),
        from: BigInt(at),
        until: null,
        isLost: false,
      });
      continue;
    }
    assert.equal(known?.pid, Number(pid), `${line}: by the process that holds it`);
    (known as Session).until = BigInt(at);
    (known as Session).isLost = what === "lost";
  }
  return [...sessions.values()].sort((a, b) => (a.from < b.from ? -1 : 1));
}

/**
 * Checks that at most `count` processes hold at a time; of one that was lost, or whose process was killed, only its beginning is known.
 * Of a lock, the tokens must rise in the order in which its holders began: so what refuses a token that is lower than one that it has
 * seen accepts nothing of a former holder.
 */
export function checkSessions(sessions: readonly Session[], count: number, killed: ReadonlySet<number>): void {
  for (const [index, session] of sessions.entries()) {
    const before = sessions.slice(0, index);
    const isEnded = ({ until, pid, isLost }: Session): boolean =>
      until === null ? killed.has(pid) : isLost || until <= session.from;
    const holders = before.filter((other) => !isEnded(other));
    assert.ok(holders.length < count, `${JSON.stringify([session, ...holders], text)} hold at the same time`);
    const higher = before.filter((other) => count === 1 && other.token >= session.token);
    assert.deepEqual(higher, [], `the token ${session.token} is higher than all before it`);
  }
}

const text = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
