import { connection } from "next/server";
import { getStorage } from "../storage.mjs";

export default async function Page() {
  await connection();
  return <p>{`${getStorage().get("visits") ?? 0} visits`}</p>;
}
