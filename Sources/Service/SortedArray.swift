// Sets in the order of their elements, for the jobs of a queue.

/// Unique elements in ascending order. Adding at the end takes constant time; searches take
/// logarithmic time.
struct SortedArray<Element: Comparable> {
    private(set) var elements: [Element] = []

    var first: Element? { elements.first }
    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }

    /// The index of the first element that is not less than `element`.
    func index(atLeast element: Element) -> Int {
        var (low, high) = (0, elements.count)
        if let last = elements.last, last < element { return high }
        while low < high {
            let middle = (low + high) / 2
            if elements[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func insert(_ element: Element) {
        let index = index(atLeast: element)
        if index == elements.count || elements[index] != element {
            elements.insert(element, at: index)
        }
    }

    mutating func remove(_ element: Element) {
        let index = index(atLeast: element)
        if index < elements.count, elements[index] == element { elements.remove(at: index) }
    }
}
