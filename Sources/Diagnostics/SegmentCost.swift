import DemucsEngine
import HTDemucs

/// What the blocks of a network cost for a segment, to compare with the machine's peak rates.
protocol SegmentCost {
    /// Floating-point operations of a block.
    func segmentOperations(of block: NetworkBlock) -> Double

    /// Least memory traffic of a block, in bytes; a weight has `weightBytes`.
    func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double
}

extension ModelConfiguration {
    var cost: any SegmentCost {
        switch self {
        case .demucs(let configuration): configuration
        case .roformer(let configuration): configuration
        }
    }
}
