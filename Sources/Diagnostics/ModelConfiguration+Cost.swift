// Operations and memory traffic of a segment of any family of models.

import Demucs
import HTDemucs

extension ModelConfiguration {
    /// Floating-point operations of a segment, see `Configuration.segmentOperations`.
    var segmentOperations: Double {
        switch self {
        case .demucs(let configuration): configuration.segmentOperations
        case .roformer(let configuration): configuration.segmentOperations
        }
    }

    /// Floating-point operations of one block of a segment.
    func segmentOperations(of block: NetworkBlock) -> Double {
        switch self {
        case .demucs(let configuration): configuration.segmentOperations(of: block)
        case .roformer(let configuration): configuration.segmentOperations(of: block)
        }
    }

    /// Least memory traffic of a block in bytes, see `Configuration.segmentBytes`.
    func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double {
        switch self {
        case .demucs(let configuration):
            configuration.segmentBytes(of: block, weightBytes: weightBytes)
        case .roformer(let configuration):
            configuration.segmentBytes(of: block, weightBytes: weightBytes)
        }
    }
}
