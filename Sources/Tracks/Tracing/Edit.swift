// Also Embedded Swift: typed throws, no key paths, no casts.
// Changes of values and weights of a network, to measure and to hear what they do.

/// A change of a value inside a network, or of a parameter: `tdecoder.3=zero`.
///
/// Of a value it does what a forward hook on the module does in PyTorch: the pass goes on with the
/// changed value.
package struct Edit: Sendable, Equatable {
    /// As it was given.
    package let text: String
    package let pattern: NamePattern
    /// The indices that change, of the first axes; nil is all of an axis.
    private let place: [Int?]
    package let change: Change

    package enum Change: Sendable, Equatable {
        /// Every element becomes a number.
        case set(Float)
        case scale(Float)
        /// The indices of an axis in another order; nil for that of Python's
        /// `random.Random(0).shuffle`.
        case permute(axis: Int, order: [Int]?)
        /// Rounded to integers of `bits` bits, symmetrically, with a scale for each index of the
        /// first axis, or one for a vector.
        case quantise(bits: Int)
        /// Complex numbers as channels get the phases of an earlier value, which may have fewer
        /// channels and then serves all sources.
        case phase(of: String)
    }

    package static let forms =
        "NAME=zero, NAME=set:X, NAME=scale:K, NAME=permute:AXIS, NAME=permute:AXIS:2,0,1, "
        + "NAME=quantise:BITS with 2 to 16 bits, or NAME=phase:OTHER, such as output=phase:mag; "
        + "at some indices only: NAME[2,*,0]=zero"

    /// Reads an edit, `NAME=CHANGE`.
    ///
    /// - Throws: ``SeparationError/invalidOption(name:value:allowed:)``.
    package init(_ text: String) throws(SeparationError) {
        let invalid = SeparationError.invalidOption(
            name: "edit", value: text, allowed: Self.forms)
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let target = parts[0].split(
            separator: "[", maxSplits: 1, omittingEmptySubsequences: false)
        let indices =
            target.count == 1
            ? [] : target[1].dropLast().split(separator: ",", omittingEmptySubsequences: false)
        place = indices.map { Int($0) }
        guard parts.count == 2, !target[0].isEmpty, target.count == 1 || target[1].last == "]",
            zip(indices, place).allSatisfy({ $0 == "*" || ($1 ?? -1) >= 0 })
        else { throw invalid }
        self.text = text
        pattern = NamePattern(String(target[0]))
        let words = parts[1].split(separator: ":", omittingEmptySubsequences: false).map(
            String.init)
        let number =
            words.count == 2
            ? Double(words[1]).map { Float($0) }.flatMap { $0.isFinite ? $0 : nil } : nil
        switch (words[0], number) {
        case ("zero", nil) where words.count == 1: change = .set(0)
        case ("set", let number?): change = .set(number)
        case ("scale", let number?): change = .scale(number)
        case ("quantise", _):
            guard words.count == 2, let bits = Int(words[1]), (2...16).contains(bits) else {
                throw invalid
            }
            change = .quantise(bits: bits)
        case ("permute", _):
            guard words.count == 2 || words.count == 3, let axis = Int(words[1]), axis >= 0 else {
                throw invalid
            }
            var order: [Int]?
            if words.count == 3 {
                let places = words[2].split(separator: ",", omittingEmptySubsequences: false)
                order = places.compactMap { Int($0) }
                guard order?.count == places.count else { throw invalid }
            }
            change = .permute(axis: axis, order: order)
        case ("phase", _):
            guard words.count == 2, !words[1].isEmpty else { throw invalid }
            change = .phase(of: words[1])
        default: throw invalid
        }
    }

    /// Changes an array, row-major, in the reference's order of axes.
    ///
    /// - Parameter others: the values that phases are taken from, as far as they were computed.
    /// - Throws: ``SeparationError`` for indices, an axis, an order or phases that don't fit the
    ///   shape.
    func apply(
        to tensor: inout NamedTensor, others: [NamedTensor] = []
    ) throws(SeparationError) {
        if tensor.values.isEmpty { return }
        if place.isEmpty { return try changeAll(of: &tensor, others) }
        let (before, shape) = (tensor.values, tensor.shape)
        guard place.count <= shape.count, zip(place, shape).allSatisfy({ ($0 ?? 0) < $1 }) else {
            throw .invalidOption(
                name: "edit", value: text,
                allowed: "indices below \(shape.map { "\($0)" }.joined(separator: ", ")), the axes "
                    + "of \(tensor.name)")
        }
        try changeAll(of: &tensor, others)
        let inner = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
        for (axis, wanted) in place.enumerated() {
            guard let wanted else { continue }
            for index in before.indices where index / inner[axis] % shape[axis] != wanted {
                tensor.values[index] = before[index]
            }
        }
    }

    /// Changes all of an array.
    private func changeAll(
        of tensor: inout NamedTensor, _ others: [NamedTensor]
    ) throws(SeparationError) {
        switch change {
        case .set(let value):
            tensor.values = [Float](repeating: value, count: tensor.values.count)
        case .scale(let factor): tensor.values = tensor.values.map { $0 * factor }
        case .permute(let axis, let order): try permute(&tensor, axis, order)
        case .quantise(let bits):
            let largest = Float(1 << (bits - 1) - 1)
            let size = tensor.shape.dropFirst(tensor.shape.count > 1 ? 1 : 0).reduce(1, *)
            for start in stride(from: 0, to: tensor.values.count, by: size) {
                let range = start..<start + size
                let step = range.reduce(Float(0)) { max($0, abs(tensor.values[$1])) } / largest
                guard step > 0, step.isFinite else { continue }
                for index in range {
                    let integer = (tensor.values[index] / step).rounded(.toNearestOrEven)
                    tensor.values[index] = integer * step
                }
            }
        case .phase(let name): try copyPhases(&tensor, of: name, others)
        }
    }

    /// Both are `[… channels, freq, time]`, a channel of real parts before one of imaginary parts.
    private func copyPhases(
        _ tensor: inout NamedTensor, of name: String, _ others: [NamedTensor]
    ) throws(SeparationError) {
        let plane = tensor.shape.suffix(2).reduce(1, *)
        guard let other = others.first(where: { $0.name == name }), tensor.shape.count > 2,
            other.shape.suffix(2) == tensor.shape.suffix(2),
            tensor.values.count % other.values.count == 0, other.values.count % (2 * plane) == 0
        else {
            throw .invalidOption(
                name: "edit", value: text,
                allowed: "a spectrogram that is computed before \(tensor.name), of its "
                    + "frequencies and frames, such as output=phase:mag")
        }
        for start in stride(from: 0, to: tensor.values.count, by: 2 * plane) {
            let from = start % other.values.count
            for place in 0..<plane {
                let (re, im) = (other.values[from + place], other.values[from + plane + place])
                let (a, b) = (tensor.values[start + place], tensor.values[start + plane + place])
                let magnitude = (re * re + im * im).squareRoot()
                let gain = magnitude > 0 ? (a * a + b * b).squareRoot() / magnitude : 0
                tensor.values[start + place] = re * gain
                tensor.values[start + plane + place] = im * gain
            }
        }
    }

    private func permute(
        _ tensor: inout NamedTensor, _ axis: Int, _ order: [Int]?
    ) throws(SeparationError) {
        let shape = tensor.shape
        guard axis < shape.count else {
            throw .invalidOption(
                name: "edit", value: text,
                allowed: "an axis of \(tensor.name), which has \(shape.count), counted from 0")
        }
        let order = order ?? Self.shuffled(shape[axis])
        guard order.isPermutation(of: 0..<shape[axis]) else {
            throw .invalidOption(
                name: "edit", value: text,
                allowed: "each of 0 to \(shape[axis] - 1) once, the indices of axis \(axis) of "
                    + tensor.name)
        }
        let inner = shape[(axis + 1)...].reduce(1, *)
        let before = tensor.values
        for (row, start) in stride(from: 0, to: before.count, by: inner).enumerated() {
            let from = (row / shape[axis] * shape[axis] + order[row % shape[axis]]) * inner
            tensor.values.replaceSubrange(start..<start + inner, with: before[from..<from + inner])
        }
    }

    /// Python: `order = list(range(count)); random.Random(0).shuffle(order)`.
    private static func shuffled(_ count: Int) -> [Int] {
        var random = PythonRandom(seed: 0)
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(index, random.integer(upTo: index))
        }
        return order
    }
}

extension [Edit] {
    /// Makes all edits of a name.
    ///
    /// - Returns: whether there is one.
    @discardableResult
    package func apply(
        to tensor: inout NamedTensor, others: [NamedTensor] = []
    ) throws(SeparationError) -> Bool {
        var isEdited = false
        for edit in self where edit.pattern.selects(tensor.name) {
            try edit.apply(to: &tensor, others: others)
            isEdited = true
        }
        return isEdited
    }
}
