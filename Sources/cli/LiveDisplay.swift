// The keys and the line of `live`.

import DemucsEngine
import Synchronization
import System
import Tracks

/// The gains that keys change, and the levels that the line shows.
package final class LiveControls: Sendable {
    private struct State {
        var gains: [Float]
        var levels: [Float]
        /// The stem that was chosen last.
        var chosen = 0
    }

    let stems: [String]
    private let state: Mutex<State>

    /// Decibels by which a key changes a gain, and the highest gain.
    private static let stepDecibels: Float = 3
    private static let highestGain: Float = 4

    package init(_ stems: [String], _ gains: [Float]) {
        self.stems = stems
        state = Mutex(State(gains: gains, levels: gains.map { _ in 0 }))
    }

    package var gains: [Float] { state.withLock { $0.gains } }

    /// Takes the levels of a block, which fall slowly.
    package func show(_ block: LiveBlock) {
        let stems = block.samples.stems.channels
        let channels = stems.count / self.stems.count
        let peaks = self.stems.indices.map { stem in
            stems[stem * channels..<(stem + 1) * channels].reduce(Float(0)) { peak, channel in
                max(peak, channel.withUnsafeBufferPointer { $0.largestMagnitude })
            }
        }
        state.withLock { state in
            for (stem, peak) in peaks.enumerated() {
                state.levels[stem] = max(peak, 0.9 * state.levels[stem])
            }
        }
    }

    /// Does what a key says.
    ///
    /// - Returns: whether the sound goes on.
    package func press(_ key: Character) -> Bool {
        state.withLock { state in
            switch key {
            case "q": return false
            case "0": state.gains = state.gains.map { _ in 1 }
            case "s":
                let chosen = state.chosen
                state.gains = state.gains.indices.map { $0 == chosen ? 1 : 0 }
            case "+", "-":
                let factor = exponent(key == "+" ? Self.stepDecibels : -Self.stepDecibels)
                let gain = max(state.gains[state.chosen], 0.1) * factor
                state.gains[state.chosen] = gain < 0.1 ? 0 : min(gain, Self.highestGain)
            default:
                guard let number = key.wholeNumberValue, stems.indices.contains(number - 1) else {
                    return true
                }
                state.chosen = number - 1
                state.gains[number - 1] = state.gains[number - 1] == 0 ? 1 : 0
            }
            return true
        }
    }

    private func exponent(_ decibels: Float) -> Float { powf(10, decibels / 20) }

    /// `1 drums ▅  2 bass ▂  3 other ▃  4 vocals off`
    package var line: String {
        let (gains, levels) = state.withLock { ($0.gains, $0.levels) }
        let bars = Array("▁▂▃▄▅▆▇█")
        return stems.indices.map { stem in
            // From -42 dB in steps of 6.
            let decibels = 20 * log10f(max(levels[stem] * gains[stem], 1e-6))
            let bar = bars[min(max(Int(decibels + 48) / 6, 0), bars.count - 1)]
            let gain = gains[stem] == 0 ? "off" : String(bar)
            let change =
                gains[stem] == 0 || gains[stem] == 1
                ? "" : " \(Double(20 * log10f(gains[stem])).fixed(0)) dB"
            return "\(stem + 1) \(stems[stem]) \(gain)\(change)"
        }.joined(separator: "  ")
    }
}

/// Shows a line on the terminal, and reads keys from it.
final class LiveDisplay: Sendable {
    private struct State {
        var terminal: Int32 = -1
        var former = termios()
    }

    private let console: Console
    private let state = Mutex(State())

    init(_ console: Console) { self.console = console }

    /// Begins to show and to read, if there is a terminal.
    ///
    /// - Parameter end: called by the key that ends the sound, when the terminal is given back.
    func begin(
        _ controls: LiveControls, delaySeconds: Double, _ filter: LiveFilter,
        end: @escaping @Sendable () -> Void
    ) {
        guard console.isTerminal, !console.isQuiet else { return }
        // Standard input is the sound.
        let terminal = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let isOpen = state.withLock { state in
            // The system stops a job in the background that touches the terminal.
            guard terminal >= 0, tcgetpgrp(terminal) == getpgrp(),
                tcgetattr(terminal, &state.former) == 0
            else { return false }
            state.terminal = terminal
            var keys = state.former
            keys.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(terminal, TCSANOW, &keys)
            return true
        }
        guard isOpen else {
            if terminal >= 0 { close(terminal) }
            return
        }
        console.status(
            "Keys: 1 to \(controls.stems.count) mute a stem, s plays the last one alone, + and - "
                + "change it, 0 plays all, q ends")
        let thread = SystemThread {
            while self.state.withLock({ $0.terminal >= 0 }) {
                var key: UInt8 = 0
                var waiting = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
                if poll(&waiting, 1, 100) > 0 {
                    // A terminal that is gone gives nothing for ever.
                    if read(terminal, &key, 1) != 1 { return }
                    if !controls.press(Character(UnicodeScalar(key))) {
                        self.restore()
                        return end()
                    }
                }
                let missed = filter.missedPasses
                let text =
                    controls.line + "  delay \(delaySeconds.fixed(1)) s"
                    + (missed > 0 ? "  late \(missed)" : "")
                // Without the lock, as a terminal that stands still takes nothing.
                self.console.redraw(String(text.prefix(self.console.columns - 1)))
            }
        }
        thread?.detach()
    }

    /// Gives the terminal back.
    func restore() {
        let isRestored = state.withLock { state in
            guard state.terminal >= 0 else { return false }
            tcsetattr(state.terminal, TCSANOW, &state.former)
            close(state.terminal)
            state.terminal = -1
            return true
        }
        if isRestored { console.redraw("") }
    }
}
