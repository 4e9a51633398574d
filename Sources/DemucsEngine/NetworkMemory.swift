// The memory of a forward pass.

import Networks
import System
import Tensor

extension SeparationNetwork {
    /// Memory that a forward pass takes besides the weights, in bytes: that of a pass which computes
    /// nothing.
    ///
    /// - Parameter shape: `[audioChannels, samples]` of its mix.
    package func passBytes(_ shape: Shape) -> Int { pass(shape).peakBytes }

    /// Makes sure that there is memory for a forward pass; false if the system refuses it.
    func reserve(_ shape: Shape) -> Bool { backend.reserve(like: pass(shape)) }

    /// The memory of a pass that computes nothing.
    private func pass(_ shape: Shape) -> Backend {
        let dry = backend.dry()
        let mix = dry.keptTensor(shape)
        let stems = try? running(on: dry).forward(mix, observer: CancellationToken())
        return withExtendedLifetime((mix, stems)) { dry }
    }
}
