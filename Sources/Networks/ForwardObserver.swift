// Also Embedded Swift: typed throws, no key paths, no casts.
// Observers of a forward pass: its progress, its intermediate values, and a way to stop it.

import System
import Tensor

/// Observes a forward pass, on the thread that runs it.
package protocol ForwardObserver: AnyObject {
    /// Called when a block is done; the transformer also calls it after each layer.
    ///
    /// - Throws: to stop the pass, which then throws the same error. An observer keeps another reason
    ///   itself.
    func completed(_ block: NetworkBlock) throws(CancellationError)

    /// Ends the pass within a block, too. Once it is cancelled, ``completed(_:)`` must throw,
    /// because the values of the block are undefined.
    var cancellation: CancellationToken? { get }

    /// Takes intermediate values; nil for none, so that layers may be fused.
    var probe: Probe? { get }
}

extension ForwardObserver {
    package var cancellation: CancellationToken? { nil }
    package var probe: Probe? { nil }
}

extension CancellationToken: ForwardObserver {
    package func completed(_ block: NetworkBlock) throws(CancellationError) { try check() }
    package var cancellation: CancellationToken? { self }
}

/// A step of a network's `forward`; its description is the reference's name where there is one.
package enum NetworkBlock: Hashable, Sendable, CustomStringConvertible {
    case stft
    /// The normalisation of both inputs, and its inverse on both outputs.
    case normalisation
    /// An encoder layer; level 0 includes the frequency embedding.
    case encoder(Int)
    case tencoder(Int)
    /// The transformer with the 1×1 convolutions around it.
    case crosstransformer
    case decoder(Int)
    case tdecoder(Int)
    /// The inverse STFT and the sum of the two branches.
    case istft
    /// The conversion of a waveform to twice the rate, and back.
    case resample
    /// The LSTM between encoder and decoder.
    case lstm
    /// Tokens of the spectrogram's bands.
    case bandSplit
    /// A transformer along time or along the bands.
    case transformer(Int, alongTime: Bool)
    /// The masks and the inverse STFT of a stem.
    case maskEstimator(Int)

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
        case .bandSplit: "band_split"
        case .transformer(let index, let alongTime): "layers.\(index).\(alongTime ? 0 : 1)"
        case .maskEstimator(let index): "mask_estimators.\(index)"
        }
    }
}

/// Takes intermediate values out of a forward pass, under the reference's names of the modules that
/// computed them, and may change them: like a forward hook on the module.
///
/// A pass without a probe fuses layers and does no extra work; with one, every layer stores its
/// values.
package struct Probe {
    /// The layout of a tensor here and in the reference.
    package enum Layout: Sendable {
        /// `[freq, time, channel]`; the reference's `[channel, freq, time]`.
        case spectrogram
        /// `[freq, time, channel]`, where every frequency row is a batch item in the reference:
        /// `[freq, channel, time]`.
        case rows
        /// `[1, time, channel]` or `[time, channel]`; the reference's `[channel, time]`.
        case waveform
        /// `[…, channel]` in both.
        case tokens
        /// `[frame, band, channel]`; the reference's `[band, frame, channel]`.
        case bandSequences
        /// `[freq, time, 2 · channel]`; the reference's `[freq · channel, time, 2]`.
        case complexNumbers
        /// `[time, freq, channel]`; the reference's `[channel, freq · time]`.
        case positions
        /// `[freq, time, source, channel]`, one frequency for a waveform; the reference's
        /// `[source, channel, freq, time]` or `[source, channel, time]`.
        case stems
    }

    /// The name of the module whose values these are; "" for the whole network.
    private let module: String
    private let isWanted: (_ name: String) -> Bool
    private let take: Take

    /// Takes a value: its name, the tensor, its layout, and the energy of the rounding errors that
    /// it has besides its own: a residual is the difference of two sums that were rounded.
    package typealias Take = (
        _ name: String, _ x: Tensor, _ layout: Layout, _ rounding: Double
    ) -> Void

    /// - Parameters:
    ///   - module: the module whose values these are; "" for the whole network.
    ///   - isWanted: whether to take the value of a name.
    ///   - take: called with each wanted value, in the order of computation. The pass goes on with
    ///     what it leaves in the tensor. It must read the tensor before it returns, because the pass
    ///     changes the tensor afterwards.
    package init(
        module: String = "", isWanted: @escaping (_ name: String) -> Bool,
        take: @escaping Take
    ) {
        self.module = module
        self.isWanted = isWanted
        self.take = take
    }

    /// A probe of a part of the module.
    package func scope(_ name: String) -> Probe {
        Probe(module: fullName(name), isWanted: isWanted, take: take)
    }

    package func wants(_ name: String) -> Bool { isWanted(fullName(name)) }

    /// Takes the value of a part of the module if it is wanted; else the value is not computed.
    package func callAsFunction(
        _ name: String, _ layout: Layout, _ x: @autoclosure () -> Tensor
    ) {
        if wants(name) { take(fullName(name), x(), layout, 0) }
    }

    /// Runs a part of the module that adds a residual to x in place. In the reference the part's
    /// output is the residual, which the probe takes and may change.
    package func residual(
        _ name: String, _ layout: Layout, of x: Tensor, on backend: Backend, _ run: () -> Void
    ) {
        let before = wants(name) ? x.floats : nil
        run()
        guard let before else { return }
        let plain = zip(x.floats, before).map(-)
        let residual = backend.tensor(x.shape, plain)
        // A float32 differs from the number that it stands for by up to 2^-24 of it.
        let energy = before.reduce(0) { $0 + Double($1) * Double($1) }
        take(fullName(name), residual, layout, energy * 0x1p-48)
        for (index, value) in residual.floats.enumerated() where value != plain[index] {
            x.pointer[index] = before[index] + value
        }
    }

    /// The module's output for its skip, which a probe takes as `skip`: it may change the skip
    /// without the output.
    package func skip(_ layout: Layout, _ x: Tensor, on backend: Backend) -> Tensor {
        guard wants("skip") else { return x }
        let copy = backend.tensor(x.shape, x.floats)
        take(fullName("skip"), copy, layout, 0)
        return copy
    }

    /// Takes the module's own output if it is wanted.
    package func output(_ layout: Layout, _ x: Tensor) {
        if isWanted(module) { take(module, x, layout, 0) }
    }

    private func fullName(_ name: String) -> String {
        module.isEmpty ? name : "\(module).\(name)"
    }
}
