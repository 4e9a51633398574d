// The checksums of Ogg pages and FLAC frames.

/// Checksums whose bits go from the highest to the lowest.
struct CRC {
    /// The checksum of Ogg pages.
    static let crc32 = CRC(polynomial: 0x04C1_1DB7, bits: 32)
    /// The checksums of FLAC frames and of their headers.
    static let crc16 = CRC(polynomial: 0x8005, bits: 16)
    static let crc8 = CRC(polynomial: 0x07, bits: 8)

    private let table: [UInt32]
    private let bits: UInt32

    private init(polynomial: UInt32, bits: UInt32) {
        self.bits = bits
        table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte) << 24) { value, _ in
                value << 1 ^ (value >> 31 == 1 ? polynomial << (32 - bits) : 0)
            }
        }
    }

    func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0) { adding($1, to: $0) } >> (32 - bits)
    }

    /// The remainder, whose highest bits are the checksum, after one more byte.
    func adding(_ byte: UInt8, to remainder: UInt32) -> UInt32 {
        remainder << 8 ^ table[Int(remainder >> 24 ^ UInt32(byte))]
    }
}
