// Also Embedded Swift: typed throws, no key paths, no casts.
/// The index map of a reflection padding that also works for inputs shorter than the padding.
///
/// Reflection leaves out the edge sample, so it needs an input longer than the padding. A shorter
/// input is first extended by zeros: on the right, at most by the padding there, then on the left.
///
/// Demucs: `pad1d(mode="reflect")` in hdemucs.py.
package struct ReflectPadding {
    /// Samples before padding.
    let count: Int
    let left: Int
    let right: Int
    private let reflects: Bool

    /// Zeros that extend the input on the left; the rest of `left` is reflection.
    private let zerosLeft: Int

    /// Length of the signal that is reflected: samples and the zeros that extend it.
    private let extendedCount: Int

    /// - Parameter reflects: whether the padding is a reflection; false for zeros.
    package init(count: Int, left: Int, right: Int, reflects: Bool = true) {
        self.reflects = reflects
        self.count = count
        self.left = left
        self.right = right
        let missing = max(0, max(left, right) - count + 1)
        zerosLeft = missing - min(right, missing)
        extendedCount = count + missing
    }

    /// Samples after padding.
    package var paddedCount: Int { left + count + right }

    /// The input sample at a position of the padded signal, or nil for a zero.
    package func source(at position: Int) -> Int? {
        guard reflects else {
            return left..<left + count ~= position ? position - left : nil
        }
        let extended = Self.reflect(position - (left - zerosLeft), count: extendedCount)
        let index = extended - zerosLeft
        return index >= 0 && index < count ? index : nil
    }

    private static func reflect(_ position: Int, count: Int) -> Int {
        if position < 0 { return -position }
        return position < count ? position : 2 * (count - 1) - position
    }
}
