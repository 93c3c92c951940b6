// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of generate.hpp.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/generate.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE Task<Selection> generate(Session& session, std::shared_ptr<GenerateSteps> steps) {
  const RouterQuery query{session.prompt(), session.prompt_text(), session.experts(),
                          session.request().samples_per_expert};
  const Route route = check_route(steps->route(query), session.experts());
  co_await session.write(route);
  LikelihoodTable table;
  if (steps->needs_models()) {
    bool stopped = session.stop_requested();
    if (!stopped) {
      try {
        table = co_await session.likelihoods();
      } catch (const CanceledError&) {
        stopped = true;
      }
    }
    if (stopped) co_return Selection{};
  }
  ComputedLikelihoods models(session.candidates(), table, session.experts());
  const ScoringRequest request{session.prompt(), session.prompt_text(), session.candidates()};
  const std::vector<double> scores = steps->score(request, models);
  for (std::size_t i = 0; i < scores.size(); ++i) session.candidate(i).score = scores[i];
  Selection selection = steps->select(session.candidates());
  require<ComponentError>(selection.index < session.candidates().size(),
                          "the selector picked candidate ", selection.index, " of ",
                          session.candidates().size(), ": candidates count from 0");
  co_return selection;
}

}  // namespace tutti::detail::inline TUTTI_ABI

TUTTI_COROUTINES_END
