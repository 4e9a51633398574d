import Evaluation
import Tensor
import Testing

/// Correlations of signals against sums of products.
struct CorrelationsTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    /// Values in −1 ..< 1 from a linear congruential generator.
    private func noise(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(Int64(bitPattern: state)) / 9.3e18
        }
    }

    /// Lengths shorter than the lags, within a block and over several.
    @Test(arguments: [1, 5, 100, 1000])
    func correlationsAreSumsOfProducts(samples: Int) {
        let signals = (0..<11).map { noise(samples, seed: UInt64($0) + 9).map(Float.init) }
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
