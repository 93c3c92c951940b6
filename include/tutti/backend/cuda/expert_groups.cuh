// SPDX-License-Identifier: Apache-2.0
#pragma once
// Row groups of a batch for products: neighboring experts with the same weights form one group, so
// that a shared base is read once for all of their rows. Which experts share differs between
// layers, in a few patterns.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tutti/backend/batch.hpp"
#include "tutti/backend/cuda/kernels/decode.cuh"
#include "tutti/backend/cuda/memory.cuh"

namespace tutti::cuda {

/// [experts]: equal numbers for equal weights; kNoWeights for experts without this layer.
using SharingPattern = std::vector<std::uint32_t>;
inline constexpr std::uint32_t kNoWeights = std::numeric_limits<std::uint32_t>::max();

/// Groups on the device, with the host's copy.
struct PlacedGroups : GroupList {
  std::span<const DeviceGroup> host;
};

/// Appends the groups of `batch` under a pattern.
inline void append_groups(std::span<const RowGroup> batch, const SharingPattern& pattern,
                          std::vector<DeviceGroup>& groups) {
  const std::size_t begin = groups.size();
  std::uint32_t previous = kNoWeights;
  for (const RowGroup& group : batch) {
    const std::uint32_t weights = pattern[group.expert];
    if (weights != kNoWeights && weights == previous && groups.size() > begin) {
      groups.back().count += static_cast<std::uint32_t>(group.count);
    } else if (weights != kNoWeights) {
      groups.push_back({group.expert, static_cast<std::uint32_t>(group.first),
                        static_cast<std::uint32_t>(group.count)});
    }
    previous = weights;
  }
}

/// All sharing patterns of a model, and the groups of the current batch under each.
class BatchGroups {
 public:
  /// The number of a pattern; unknown patterns get a new one.
  [[nodiscard]] std::uint32_t number_of(const SharingPattern& pattern) {
    const auto known = std::find(patterns_.begin(), patterns_.end(), pattern);
    if (known == patterns_.end()) {
      patterns_.push_back(pattern);
      return static_cast<std::uint32_t>(patterns_.size() - 1);
    }
    return static_cast<std::uint32_t>(known - patterns_.begin());
  }

  /// Uploads the groups of a batch under all patterns; earlier ones become invalid.
  void begin(std::span<const RowGroup> batch, const Stream& stream) {
    std::vector<DeviceGroup> groups;
    begins_.clear();
    for (const SharingPattern& pattern : patterns_) {
      begins_.push_back(groups.size());
      append_groups(batch, pattern, groups);
    }
    begins_.push_back(groups.size());
    host_ = groups;
    device_.assign(groups, stream);
  }

  /// The groups of the batch under a pattern. Valid until the next batch.
  [[nodiscard]] PlacedGroups list(std::uint32_t pattern) const {
    const std::size_t begin = begins_[pattern];
    return list_of(std::span(host_).subspan(begin, begins_[pattern + 1] - begin),
                   device_.data() + begin);
  }

  /// Gives the kernels the mutable group list and an immutable copy.
  void share(DecodeState& state, const Stream& stream) {
    all_.assign(host_, stream);
    state.groups = device_.data();
    state.all_groups = all_.data();
    state.group_count = static_cast<std::uint32_t>(host_.size());
  }

  /// Uploads other groups, such as those of the rows with outputs, under one pattern. Valid until
  /// the next call.
  [[nodiscard]] PlacedGroups upload_others(std::span<const RowGroup> others, std::uint32_t pattern,
                                           const Stream& stream) {
    other_host_.clear();
    append_groups(others, patterns_[pattern], other_host_);
    others_.assign(other_host_, stream);
    return list_of(other_host_, others_.data());
  }

 private:
  static PlacedGroups list_of(std::span<const DeviceGroup> groups, const DeviceGroup* device) {
    PlacedGroups list{{device, groups.size(), 0}, groups};
    for (const DeviceGroup& group : groups)
      list.max_rows = std::max<std::size_t>(list.max_rows, group.count);
    return list;
  }

  std::vector<SharingPattern> patterns_;
  std::vector<std::size_t> begins_;
  std::vector<DeviceGroup> host_, other_host_;
  DeviceArray<DeviceGroup> device_, others_, all_;
};

}  // namespace tutti::cuda
