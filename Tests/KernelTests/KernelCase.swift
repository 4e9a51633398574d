// The cases that every kernel goes through in every instruction set, and how its results are judged.

import CKernels
import Tensor
import Testing

/// One call of a kernel.
struct KernelCase: CustomStringConvertible {
    let instructions: InstructionSet
    let rows: Int
    let cols: Int
    /// Floats between two rows.
    let gap: Int
    let magnitude: Magnitude

    /// The kind of numbers.
    enum Magnitude: String, CaseIterable {
        case usual, large, small, special
    }

    /// One step of float32, relative: twice its largest rounding error.
    static let epsilon = Double(Float.ulpOfOne)

    /// The sets that this machine can run.
    static let sets = InstructionSet.allCases.filter(\.isAvailable)

    /// On both sides of whole vectors of 4, 8 and 16 floats.
    static let columns = [
        1, 2, 3, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33, 48, 63, 64, 127, 129, 1023,
    ]

    static func all(of set: InstructionSet) -> [KernelCase] {
        var cases: [KernelCase] = []
        for rows in [0, 1, 2, 3, 5] {
            for cols in columns {
                for gap in [0, 5] {
                    // All kinds of numbers at most sizes would take long and show no more.
                    let magnitudes = rows == 2 && gap == 5 ? Magnitude.allCases : [.usual]
                    cases += magnitudes.map {
                        KernelCase(
                            instructions: set, rows: rows, cols: cols, gap: gap, magnitude: $0)
                    }
                }
            }
        }
        return cases
    }

    var description: String {
        "\(instructions.rawValue), \(rows) × \(cols), gap \(gap), \(magnitude.rawValue) numbers"
    }

    var kernels: kernel_table { instructions.kernels }

    private var seed: Int { rows * 10_007 + cols * 101 + gap }

    /// Numbers where exponentials overflow, error functions end, and float32 loses its grip.
    private static let specials: [Float] = [
        0, -0.0, 1e-38, -1e-38, 1e-20, 0.5, -0.5, 3.925, -5.5, -5.6, 12, -12, 87, -87, 88.5, -88.5,
        103, -104, 1e4, -1e4, 1e15, -1e15,
    ]

    func matrix(cols: Int? = nil, salt: Int = 0) -> GuardedMatrix {
        var numbers = SeededNumbers(seed: seed + 7919 * salt)
        return GuardedMatrix(rows: rows, cols: cols ?? self.cols, gap: gap) { _, _ in
            switch magnitude {
            case .usual: 3 * numbers.unit()
            case .large: 1e4 * numbers.unit()
            case .small: 1e-6 * numbers.unit()
            case .special: numbers.element(of: Self.specials)
            }
        }
    }

    /// Scales near 1 and shifts near 0, as norms and biases have them; with special numbers,
    /// neither changes anything.
    func parameters(cols: Int? = nil, salt: Int = 0) -> (scale: [Float], shift: [Float]) {
        let count = cols ?? self.cols
        guard magnitude != .special else {
            return (Array(repeating: 1, count: count), Array(repeating: 0, count: count))
        }
        var numbers = SeededNumbers(seed: seed + 104_729 * (salt + 1))
        return (
            numbers.floats(count, scale: 0.5, offset: 1),
            numbers.floats(count, scale: magnitude == .small ? 1e-6 : 0.5)
        )
    }

    /// Checks a result against the formula, against the plain kernel's result, and the memory
    /// around it.
    ///
    /// - Parameter formula: the exact value, and how far float32 may be from it.
    func expect(
        _ result: GuardedMatrix, plain: GuardedMatrix,
        sourceLocation: SourceLocation = #_sourceLocation,
        formula: (_ row: Int, _ col: Int) -> (value: Double, tolerance: Double)
    ) {
        #expect(result.isIntactOutside, "\(self)", sourceLocation: sourceLocation)
        for row in 0..<result.rows {
            for col in 0..<result.cols {
                let (value, tolerance) = formula(row, col)
                let found = Double(result[row, col])
                let reference = Double(plain[row, col])
                // Written so that NaN fails.
                guard abs(found - value) <= tolerance, abs(found - reference) <= 2 * tolerance
                else {
                    Issue.record(
                        """
                        \(self): at (\(row), \(col)) found \(found), plain \(reference), \
                        exact \(value) ± \(tolerance)
                        """, sourceLocation: sourceLocation)
                    return
                }
            }
        }
    }
}
