// Also Embedded Swift: typed throws, no key paths, no casts.
// Tiling: how a loop over rows is cut into tiles. The tiles depend on sizes alone, never on the
// number of threads, so each tile is computed in the same way on any machine.

import Tensor

/// Tiles of at most `length` rows that cover `count` rows.
package struct Tiling: Sendable {
    package let count: Int
    package let length: Int

    /// Rows in a tile of a signal: a tile of 384 channels stays in the L2 cache.
    package static let signalRows = 512

    /// Rows in a tile of tokens: two blocks of a product; a tile and its 2048 hidden channels (0.8
    /// MB) stay in the L2 cache.
    package static let tokenRows = 96

    /// Tiles of nearly equal length, at most `longest`; all except the last are a multiple of
    /// `unit`.
    package init(_ count: Int, longest: Int, unit: Int = 1) {
        self.count = count
        let pieces = max(1, (count + longest - 1) / longest)
        let even = max(1, (count + pieces - 1) / pieces)
        length = (even + unit - 1) / unit * unit
    }

    /// The number of tiles.
    package var tiles: Int { (count + length - 1) / length }

    package subscript(_ tile: Int) -> Range<Int> {
        tile * length..<min((tile + 1) * length, count)
    }
}

extension Backend {
    /// Runs `body` once for each tile, in parallel, with scratch memory of the running thread.
    package func forEachTile(
        of tiling: Tiling, scratch floats: Int,
        _ body: (_ range: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) -> Void
    ) {
        parallelFor(tiling.tiles, scratch: floats) { tile, scratch in body(tiling[tile], scratch) }
    }

    /// Runs `body` once for each tile, in parallel. Tiles are nearly equal and at most `longest`
    /// rows; all except the last are a multiple of `unit`.
    package func forEachTile(
        of count: Int, longest: Int, unit: Int = 1, _ body: (_ range: Range<Int>) -> Void
    ) {
        let tiling = Tiling(count, longest: longest, unit: unit)
        parallelFor(tiling.tiles) { tile in body(tiling[tile]) }
    }
}
