// Values inside the network, for those who compare another implementation with this one.

import Tensor

/// Takes values out of a running forward pass, under the reference's names of what computed them.
///
/// A pass without a probe computes and copies nothing more. Some values are never stored when layers
/// are fused; those are computed once more, beside the pass, if the probe wants them.
package struct Probe {
    /// How a tensor lies in memory here, and in the reference.
    package enum Layout: Sendable {
        /// `[freq, time, channel]`; the reference's `[channel, freq, time]`.
        case spectrogram
        /// The same where every frequency row is a batch item in the reference,
        /// `[freq, channel, time]`.
        case rows
        /// `[1, time, channel]` or `[time, channel]`; the reference's `[channel, time]`.
        case waveform
        /// `[token, channel]` in both.
        case tokens
        /// `[time · freq, channel]` with `freqs` frequencies; the reference's
        /// `[channel, freq · time]`.
        case positions(freqs: Int)
    }

    private let prefix: String
    private let isWanted: (_ name: String) -> Bool
    private let take: (_ name: String, _ x: Tensor, _ layout: Layout) -> Void

    /// - Parameters:
    ///   - isWanted: which names to take.
    ///   - take: is given each of them, in the order of computation, and must read the tensor before
    ///     it returns: the pass goes on to change it.
    package init(
        isWanted: @escaping (_ name: String) -> Bool,
        take: @escaping (_ name: String, _ x: Tensor, _ layout: Layout) -> Void
    ) {
        self.init(prefix: "", isWanted: isWanted, take: take)
    }

    private init(
        prefix: String, isWanted: @escaping (String) -> Bool,
        take: @escaping (String, Tensor, Layout) -> Void
    ) {
        self.prefix = prefix
        self.isWanted = isWanted
        self.take = take
    }

    /// The same for a module's parts.
    func scope(_ name: String) -> Probe {
        Probe(prefix: prefix + name + ".", isWanted: isWanted, take: take)
    }

    func wants(_ name: String) -> Bool { isWanted(prefix + name) }

    /// Gives a value, if it is wanted; it is not computed otherwise.
    func callAsFunction(_ name: String, _ layout: Layout, _ x: @autoclosure () -> Tensor) {
        if wants(name) { take(prefix + name, x(), layout) }
    }
}
