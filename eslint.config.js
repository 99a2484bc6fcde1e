import js from "@eslint/js";

const page = ["document", "window", "performance", "matchMedia", "requestAnimationFrame", "cancelAnimationFrame", "setTimeout",
  "clearTimeout", "getComputedStyle", "CSS", "HTMLElement", "HTMLCanvasElement", "KeyboardEvent", "AbortController",
  "MutationObserver", "ResizeObserver", "IntersectionObserver", "AudioContext", "OscillatorNode", "GainNode"];

const worker = ["self", "postMessage", "addEventListener", "fetch", "caches", "clients", "skipWaiting", "createImageBitmap", "OffscreenCanvas",
  "MessageChannel", "WebAssembly", "URL", "Worker", "navigator", "__KEPT__"];
const names = all => Object.fromEntries(all.map(name => [name, "readonly"]));

export default [js.configs.recommended, {
  files: ["docs/site/play/*.js"],
  languageOptions: {ecmaVersion: 2023, sourceType: "module", globals: names([...page, ...worker])},
  rules: {"eqeqeq": "error", "no-var": "error", "prefer-const": "error", "max-len": ["error", {"code": 150}]},
}, {
  files: ["recipe_widgets/panels/front/*.js"],
  languageOptions: {ecmaVersion: 2023, sourceType: "module", globals: names(page)},
  rules: {"eqeqeq": "error", "no-var": "error", "prefer-const": "error", "max-len": ["error", {"code": 140}]},
}];
