// Also Embedded Swift: typed throws, no key paths, no casts.
// The LSTM of the inner DConv branches (Défossez 2021, arXiv:2111.03600, section 3.2). Long signals
// are cut into windows that overlap by a half, so that a state lasts no longer than a window.

import Tensor

/// linear(LSTM(x)), plus x if `skips`.
///
/// PyTorch: `demucs.demucs.BLSTM`.
package struct BLSTM: Sendable {
    private let channels: Int
    private let lstm: BidirectionalLSTM
    /// `[2 · channels, channels]`
    private let linear: Linear
    /// Length of a window, a multiple of four; shorter signals stay whole. Nil for no windows.
    private let windowTimes: Int?
    private let skips: Bool

    package init(
        channels: Int, lstm: BidirectionalLSTM, linear: Linear, windowTimes: Int?, skips: Bool
    ) {
        precondition((windowTimes ?? 4) % 4 == 0)
        self.channels = channels
        self.lstm = lstm
        self.linear = linear
        self.windowTimes = windowTimes
        self.skips = skips
    }

    /// The windows of signals of one length.
    private struct Windows {
        let times: Int
        /// Number of windows of a signal.
        let count: Int
        let stride: Int
    }

    private func windows(_ times: Int) -> Windows {
        guard let windowTimes, times > windowTimes else {
            return Windows(times: times, count: 1, stride: max(times, 1))
        }
        let stride = windowTimes / 2
        return Windows(times: windowTimes, count: (times + stride - 1) / stride, stride: stride)
    }

    /// - Parameter x: `[signals, times, channels]`; the signals are independent.
    /// - Returns: the same shape.
    package func callAsFunction(_ x: Tensor, on backend: Backend) -> Tensor {
        let (signals, times) = (x.shape[0], x.shape[1])
        let windows = windows(times)
        let framed = framed(x, windows, on: backend)  // [window times, signals · windows, channels]
        let output = linear(lstm(framed, on: backend), on: backend)
        let result = backend.tensor(x.shape)
        backend.parallelFor(signals * windows.count) { index in
            let (signal, window) = (index / windows.count, index % windows.count)
            // The result changes from one window to the next in the middle of their overlap.
            let begin = window == 0 ? 0 : window * windows.stride + windows.stride / 2
            let end =
                window == windows.count - 1
                ? times : min(times, (window + 1) * windows.stride + windows.stride / 2)
            for time in begin..<max(begin, end) {
                let place = (signal * times + time) * channels
                let row = (time - window * windows.stride) * signals * windows.count + index
                let source = output.pointer + row * channels
                let target = result.pointer + place
                if skips {
                    backend.kernels.f32_add(
                        1, channels, source, channels, x.pointer + place, channels, target,
                        channels)
                } else {
                    target.update(from: source, count: channels)
                }
            }
        }
        return result
    }

    /// The windows of all signals as `[window times, signals · windows, channels]`, with zeros
    /// after a signal's end.
    private func framed(_ x: Tensor, _ windows: Windows, on backend: Backend) -> Tensor {
        let (signals, times) = (x.shape[0], x.shape[1])
        let sequences = signals * windows.count
        let result = backend.tensor(Shape(windows.times, sequences, channels))
        backend.parallelFor(windows.times) { offset in
            for sequence in 0..<sequences {
                let (signal, window) = (sequence / windows.count, sequence % windows.count)
                let time = window * windows.stride + offset
                let target = result.pointer + (offset * sequences + sequence) * channels
                if time < times {
                    target.update(
                        from: x.pointer + (signal * times + time) * channels, count: channels)
                } else {
                    target.update(repeating: 0, count: channels)
                }
            }
        }
        return result
    }
}
