// Watching a forward pass: how far it is, the values inside, and a way to stop it.

import Tensor

/// Watches a forward pass from the thread that runs it.
package protocol ForwardObserver {
    /// Called when a block is done, or a part of one: the transformer calls it after each layer.
    ///
    /// - Throws: to stop the pass, which then throws the same error.
    func completed(_ block: NetworkBlock) throws

    /// Takes values inside; nil for none, so that layers may be fused.
    var probe: Probe? { get }
}

extension ForwardObserver {
    package var probe: Probe? { nil }
}

extension CancellationToken: ForwardObserver {
    package func completed(_ block: NetworkBlock) throws { try check() }
}

/// A step of a network's `forward`, described by the reference's name where it has one.
package enum NetworkBlock: Hashable, Sendable, CustomStringConvertible {
    case stft
    /// The normalisation of both inputs, and its inverse on both outputs.
    case normalisation
    /// Level 0 includes the frequency embedding.
    case encoder(Int)
    case tencoder(Int)
    /// Includes the 1×1 convolutions around it.
    case crosstransformer
    case decoder(Int)
    case tdecoder(Int)
    /// Includes the sum of the two branches.
    case istft
    /// The conversion of a waveform to twice the rate, and back.
    case resample
    /// Between encoder and decoder.
    case lstm

    package var description: String {
        switch self {
        case .stft: "stft"
        case .normalisation: "normalisation"
        case .encoder(let index): "encoder.\(index)"
        case .tencoder(let index): "tencoder.\(index)"
        case .crosstransformer: "crosstransformer"
        case .decoder(let index): "decoder.\(index)"
        case .tdecoder(let index): "tdecoder.\(index)"
        case .istft: "istft"
        case .resample: "resample"
        case .lstm: "lstm"
        }
    }
}

/// Takes values out of a running forward pass, under the reference's names of the modules that
/// computed them.
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

    /// The name of the module whose values these are; "" for the whole network.
    private let module: String
    private let isWanted: (_ name: String) -> Bool
    private let take: (_ name: String, _ x: Tensor, _ layout: Layout) -> Void

    /// - Parameters:
    ///   - module: the module whose values these are; "" for the whole network.
    ///   - isWanted: which names to take.
    ///   - take: is given each of them, in the order of computation, and must read the tensor before
    ///     it returns: the pass goes on to change it.
    package init(
        module: String = "", isWanted: @escaping (_ name: String) -> Bool,
        take: @escaping (_ name: String, _ x: Tensor, _ layout: Layout) -> Void
    ) {
        self.module = module
        self.isWanted = isWanted
        self.take = take
    }

    /// The same for a part of the module.
    func scope(_ name: String) -> Probe {
        Probe(module: fullName(name), isWanted: isWanted, take: take)
    }

    func wants(_ name: String) -> Bool { isWanted(fullName(name)) }

    /// Gives the value of a part, if it is wanted; it is not computed otherwise.
    func callAsFunction(_ name: String, _ layout: Layout, _ x: @autoclosure () -> Tensor) {
        if wants(name) { take(fullName(name), x(), layout) }
    }

    /// Gives the module's own output.
    func output(_ layout: Layout, _ x: Tensor) {
        if isWanted(module) { take(module, x, layout) }
    }

    private func fullName(_ name: String) -> String {
        module.isEmpty ? name : "\(module).\(name)"
    }
}
