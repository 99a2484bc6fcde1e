// The loss as a tone, off at first: high is bad. A learner hears a run settle, leap, or die.

const LOWEST = 110, HIGHEST = 1760; // Hz
const RANGE = [0.01, 10]; // losses that these stand for
const SOFT = 0.05; // volume

export class Sound {
  constructor() {
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {OscillatorNode | null} */
    this.tone = null;
    /** @type {GainNode | null} */
    this.volume = null;
  }

  /** @param {boolean} on */
  turn(on) {
    if (on && !this.context) {
      this.context = new AudioContext();
      this.tone = new OscillatorNode(this.context, {type: "triangle", frequency: LOWEST});
      this.volume = new GainNode(this.context, {gain: 0});
      this.tone.connect(this.volume).connect(this.context.destination);
      this.tone.start();
    }
    if (!on) {
      this.context?.close();
      this.context = this.tone = this.volume = null;
    }
  }

  /** The pitch of a loss, in Hz. @param {number} loss */
  static pitch(loss) {
    const share = Math.log(loss / RANGE[0]) / Math.log(RANGE[1] / RANGE[0]);
    return LOWEST * (HIGHEST / LOWEST) ** Math.min(1, Math.max(0, Number.isFinite(share) ? share : 1));
  }

  /** @param {number} loss @param {boolean} running */
  hear(loss, running) {
    if (!this.context || !this.tone || !this.volume) return;
    const now = this.context.currentTime;
    this.volume.gain.setTargetAtTime(running ? SOFT : 0, now, 0.05);
    if (running) this.tone.frequency.setTargetAtTime(Sound.pitch(loss), now, 0.03);
  }
}
