import js from "@eslint/js";

const page = ["document", "window", "performance", "matchMedia", "requestAnimationFrame", "cancelAnimationFrame", "setTimeout",
  "clearTimeout", "getComputedStyle", "CSS", "HTMLElement", "HTMLCanvasElement", "KeyboardEvent", "AbortController",
  "MutationObserver", "ResizeObserver", "IntersectionObserver", "AudioContext", "OscillatorNode", "GainNode"];

export default [js.configs.recommended, {
  files: ["recipe_widgets/panels/front/*.js"],
  languageOptions: {ecmaVersion: 2023, sourceType: "module", globals: Object.fromEntries(page.map(name => [name, "readonly"]))},
  rules: {"eqeqeq": "error", "no-var": "error", "prefer-const": "error", "max-len": ["error", {"code": 140}]},
}];
