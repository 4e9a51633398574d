import Evaluation
import Tensor
import TestSupport
import Testing

/// Correlations of signals against sums of products.
struct CorrelationsTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    /// Lengths shorter than the lags, within a block, and over several blocks.
    @Test(arguments: [1, 5, 100, 1000])
    func correlationsAreSumsOfProducts(samples: Int) {
        var random = SplitMix64(seed: 9)
        let signals = (0..<11).map { _ in random.floats(samples) }
        let correlations = Correlations(signals, delayedCount: 3, maximumLag: 7, on: backend)
        for y in 0..<3 {
            for x in y..<signals.count {
                for lag in -7...7 {
                    var expected = 0.0
                    for m in 0..<samples where signals[x].indices.contains(m + lag) {
                        expected += Double(signals[x][m + lag]) * Double(signals[y][m])
                    }
                    #expect(abs(correlations.value(x, y, lag: lag) - expected) < 1e-11)
                }
            }
        }
    }
}
