// Signal to spectrogram.

import Tensor

extension STFT {
    /// The spectrogram of a signal, with complex numbers as channels.
    ///
    /// - Parameters:
    ///   - signal: `[channel, sample]`, at least one sample.
    ///   - backend: the threads to run on, and the storage of the result.
    /// - Returns: `[freq, time, 2 · channel]`: nfft/2 bins, ``frames(samples:)`` frames, and for each
    ///   channel its real, then its imaginary part (`[L re, L im, R re, R im]`).
    ///
    /// Demucs: `HTDemucs._magnitude(HTDemucs._spec(x))`.
    package func forward(_ signal: Tensor, on backend: Backend) -> Tensor {
        precondition(signal.shape.count == 2 && signal.count > 0)
        let (channels, samples) = (signal.shape[0], signal.shape[1])
        let frames = frames(samples: samples)
        let padding = ReflectPadding(
            count: samples, left: padding, right: padding + frames * hop - samples)
        let spectrogram = backend.tensor(Shape(bins, frames, 2 * channels))

        // An item is one channel of one frame, in the order of the result's rows. A block of items
        // fills the lanes, and then one run of every row.
        let items = frames * channels
        let blocks = (items + Lanes.scalarCount - 1) / Lanes.scalarCount
        backend.parallelFor(blocks, scratch: bufferFloats) { block, scratch in
            let buffers = LaneBuffers(scratch, capacity: fft.capacity)
            let firstItem = block * Lanes.scalarCount
            let count = min(Lanes.scalarCount, items - firstItem)
            for lane in 0..<Lanes.scalarCount {
                // Unused lanes repeat an item: whatever they compute must at least be finite.
                let item = firstItem + min(lane, count - 1)
                let start = item / channels * hop + firstFrameStart
                let source = signal.pointer + item % channels * samples
                window(source, from: start, padding, into: buffers.first, lane: lane)
            }
            let spectra = fft.forward(buffers.first, buffers.second)
            interleave(
                spectra, count: count, into: spectrogram.pointer + 2 * firstItem,
                rowLength: 2 * items)
        }
        return spectrogram
    }

    /// Writes one windowed frame into a lane.
    ///
    /// - Parameters:
    ///   - source: one channel of the signal.
    ///   - start: the frame's first position in the padded signal.
    private func window(
        _ source: UnsafePointer<Float>, from start: Int, _ padding: ReflectPadding,
        into buffer: UnsafeMutablePointer<ComplexLanes>, lane: Int
    ) {
        let width = Lanes.scalarCount
        // The memory of the buffer as single floats: the samples of a lane lie `width` apart.
        let target = UnsafeMutableRawPointer(buffer).assumingMemoryBound(to: Float.self) + lane
        analysisWindow.withUnsafeBufferPointer { weights in
            let inside = start - padding.left
            if inside >= 0 && inside + nfft <= padding.count {
                for n in 0..<nfft { target[n * width] = source[inside + n] * weights[n] }
            } else {
                for n in 0..<nfft {
                    let sample = padding.source(at: start + n).map { source[$0] } ?? 0
                    target[n * width] = sample * weights[n]
                }
            }
        }
    }

    /// Writes the lanes of every bin as one run of (real, imaginary) pairs.
    ///
    /// - Parameters:
    ///   - spectra: at least `bins` bins.
    ///   - count: lanes in use.
    ///   - target: the run of bin 0; that of the next bin begins `rowLength` floats later.
    private func interleave(
        _ spectra: UnsafeMutablePointer<ComplexLanes>, count: Int,
        into target: UnsafeMutablePointer<Float>, rowLength: Int
    ) {
        if count == Lanes.scalarCount {
            for bin in 0..<bins {
                var pairs = SIMD16<Float>()
                pairs.evenHalf = spectra[bin].real
                pairs.oddHalf = spectra[bin].imaginary
                UnsafeMutableRawPointer(target + bin * rowLength)
                    .storeBytes(of: pairs, as: SIMD16<Float>.self)
            }
        } else {
            for bin in 0..<bins {
                for lane in 0..<count {
                    target[bin * rowLength + 2 * lane] = spectra[bin].real[lane]
                    target[bin * rowLength + 2 * lane + 1] = spectra[bin].imaginary[lane]
                }
            }
        }
    }
}
