// Bundles src/ into ../static/dist: every file has its content's hash in its name, a .gz beside it,
// and a line in manifest.json that tells which file a name stands for.
import { build, context } from "esbuild";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "static", "dist");
const fresh = `${dist}.new`;
const watching = process.argv.includes("--watch");

const options = {
  absWorkingDir: here,
  entryPoints: {
    app: "src/app.js",
    theme: "src/theme.js",
    charts: "src/charts.js",
    inbox: "src/inbox.js",
    live: "src/live.js",
    policy: "src/policy.js",
    style: "src/style.css",
    designer: "designer/main.jsx",
    canvas: "designer/canvas.css",
  },
  outdir: fresh,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  jsx: "automatic",
  target: ["chrome123", "firefox121", "safari17.5"],
  loader: { ".woff2": "file", ".svg": "file" },
  logLevel: "warning",
  legalComments: "linked",
  metafile: true,
};

async function finish(metafile) {
  const manifest = {};
  for (const [path, output] of Object.entries(metafile.outputs)) {
    if (!output.entryPoint) continue;
    const file = basename(path);
    manifest[file.replace(/-[A-Z0-9]{8}(?=\.(js|css)$)/, "")] = file;
  }
  await writeFile(join(fresh, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of await readdir(fresh)) {
    if (!/\.(js|css|svg)$/.test(file)) continue;
    const content = await readFile(join(fresh, file));
    await writeFile(join(fresh, `${file}.gz`), await promisify(gzip)(content, { level: 9 }));
  }
  await rm(dist, { recursive: true, force: true });
  await rename(fresh, dist);
  for (const [name, file] of Object.entries(manifest)) {
    const size = (await readFile(join(dist, file))).length;
    const packed = (await readFile(join(dist, `${file}.gz`))).length;
    console.log(`${name.padEnd(10)} ${(size / 1024).toFixed(0).padStart(5)} kB, ${(packed / 1024).toFixed(0).padStart(4)} kB packed`);
  }
}

// Tabler asks of every element whether its style attribute names a background. Nothing here has one (the pages forbid it),
// but with such a rule each move of the canvas makes the browser style everything on it anew.
const tabler = {
  name: "tabler",
  setup(builder) {
    builder.onLoad({ filter: /tabler\.min\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text.replaceAll(/,\[style\*=["']?background["']?\]/g, "");
      return contents.includes("[style") ? { errors: [{ text: "Tabler has another rule on style attributes: see build.mjs" }] } : { contents, loader: "css" };
    });
  },
};

await mkdir(dirname(dist), { recursive: true });
await rm(fresh, { recursive: true, force: true });
const plugin = {
  name: "finish",
  setup(builder) {
    builder.onEnd((result) => (result.errors.length ? undefined : finish(result.metafile)));
  },
};
if (watching) {
  await (await context({ ...options, plugins: [tabler, plugin] })).watch();
} else {
  await build({ ...options, plugins: [tabler, plugin] });
}
