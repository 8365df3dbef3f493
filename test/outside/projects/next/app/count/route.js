import { getStorage } from "../../storage.mjs";

export async function POST() {
  const storage = getStorage();
  const visits = await storage.increment("visits");
  return Response.json({ visits, isManager: storage.isManager });
}
