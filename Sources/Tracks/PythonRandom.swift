// Also Embedded Swift: typed throws, no key paths, no casts.
// Python's random generator, as far as shift offsets need it: a seed gives the offsets that the
// reference draws after `random.seed(seed)`.
// Matsumoto and Nishimura 1998, "Mersenne Twister", MT19937 with initialisation by array.

/// The integers that CPython's `random.seed(seed)` and `random.randint(0, maximum)` draw.
package struct PythonRandom {
    package static let stateWords = 624
    private static let middleWord = 397

    /// The words of `random.getstate()`; ``position`` is the number of words that were used.
    package private(set) var state: [UInt32]
    package private(set) var position = PythonRandom.stateWords

    /// Continues from a saved state.
    ///
    /// - Parameters:
    ///   - state: ``stateWords`` words.
    ///   - position: words that were used, at most ``stateWords``.
    package init(state: [UInt32], position: Int) {
        precondition(state.count == Self.stateWords && (0...Self.stateWords).contains(position))
        self.state = state
        self.position = position
    }

    /// Seeds as `random.seed(seed)` does: the key is the seed's 32-bit words, lowest first, without
    /// leading zero words (but one word for zero).
    package init(seed: UInt64) {
        let low = UInt32(truncatingIfNeeded: seed)
        let high = UInt32(truncatingIfNeeded: seed >> 32)
        state = PythonRandom.initialState(key: high == 0 ? [low] : [low, high])
    }

    /// `random.randint(0, maximum)`: uniform in 0…maximum, both included.
    ///
    /// Draws as many bits as `maximum + 1` has, and again until the value fits.
    package mutating func integer(upTo maximum: Int) -> Int {
        precondition(maximum >= 0 && maximum < Int.max)
        let range = UInt64(maximum) + 1
        let bitCount = UInt64.bitWidth - range.leadingZeroBitCount
        while true {
            let value = bits(bitCount)
            if value < range { return Int(value) }
        }
    }

    /// `random.getrandbits(count)` for 1…64 bits: the top bits of each word, lowest word first.
    private mutating func bits(_ count: Int) -> UInt64 {
        if count <= 32 { return UInt64(nextWord() >> UInt32(32 - count)) }
        let low = UInt64(nextWord())
        return low | UInt64(nextWord() >> UInt32(64 - count)) << 32
    }

    private mutating func nextWord() -> UInt32 {
        if position == PythonRandom.stateWords { refill() }
        var word = state[position]
        position += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9d2c_5680
        word ^= (word << 15) & 0xefc6_0000
        return word ^ (word >> 18)
    }

    private mutating func refill() {
        let count = PythonRandom.stateWords
        for index in 0..<count {
            let joined =
                (state[index] & 0x8000_0000) | (state[(index + 1) % count] & 0x7fff_ffff)
            let twist: UInt32 = joined & 1 == 0 ? 0 : 0x9908_b0df
            state[index] =
                state[(index + PythonRandom.middleWord) % count] ^ (joined >> 1) ^ twist
        }
        position = 0
    }

    /// `init_by_array` of the published generator.
    private static func initialState(key: [UInt32]) -> [UInt32] {
        var state = [UInt32](repeating: 0, count: stateWords)
        state[0] = 19_650_218
        for index in 1..<stateWords {
            state[index] = 1_812_433_253 &* mixed(state[index - 1]) &+ UInt32(index)
        }
        var index = 1
        func advance() {
            index += 1
            if index == stateWords {
                state[0] = state[stateWords - 1]
                index = 1
            }
        }
        for step in 0..<stateWords {
            let word = step % key.count
            state[index] =
                (state[index] ^ (mixed(state[index - 1]) &* 1_664_525))
                &+ key[word] &+ UInt32(word)
            advance()
        }
        for _ in 1..<stateWords {
            state[index] =
                (state[index] ^ (mixed(state[index - 1]) &* 1_566_083_941)) &- UInt32(index)
            advance()
        }
        state[0] = 0x8000_0000
        return state
    }

    private static func mixed(_ word: UInt32) -> UInt32 { word ^ (word >> 30) }
}
