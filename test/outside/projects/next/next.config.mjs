export default {
  output: "standalone",
  // Without this, the package is bundled; with it, its files are copied.
  serverExternalPackages: process.env.EXTERNAL ? ["cluster-storage"] : [],
};
