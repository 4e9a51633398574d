// Also Embedded Swift: typed throws, no key paths, no casts.
/// The median of the values that are not NaN: the mean of the middle two if their count is even,
/// NaN if there are none.
///
/// NumPy: `numpy.nanmedian`.
package func median(_ values: [Double]) -> Double {
    let sorted = values.filter { !$0.isNaN }.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
