// SPDX-License-Identifier: Apache-2.0
#pragma once
// The test of http_service.cpp: four clients at the same time get the answers that each of them
// gets alone.

#include <httplib.h>

#include <cstddef>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

/// Sends requests to `server` on a free port of localhost, and stops it.
/// @returns whether all answers are right.
inline bool http_self_test(httplib::Server& server) {
  using Json = nlohmann::json;
  constexpr std::size_t kClients = 4, kRequests = 3;
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread listener([&] { server.listen_after_bind(); });
  const auto post = [port](const std::string& body) {
    httplib::Client client("127.0.0.1", port);
    client.set_read_timeout(300);
    const auto response = client.Post("/generate", body, "application/json");
    return response ? std::to_string(response->status) + " " + response->body : "no response";
  };
  const auto body = [](std::size_t client, std::size_t number, bool stream) {
    return Json{{"prompt_tokens", {3 + client, 17, 42, 5 + number}},
                {"samples", 2},
                {"max_new_tokens", 24},
                {"seed", client},
                {"stream", stream}}
        .dump();
  };

  std::vector<std::vector<std::string>> alone(kClients), together(kClients);
  for (std::size_t c = 0; c < kClients; ++c) {
    for (std::size_t r = 0; r < kRequests; ++r) alone[c].push_back(post(body(c, r, false)));
  }
  std::vector<std::thread> clients;
  for (std::size_t c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      for (std::size_t r = 0; r < kRequests; ++r) together[c].push_back(post(body(c, r, false)));
    });
  }
  for (std::thread& client : clients) client.join();

  bool passed = true;
  const auto check = [&](bool holds, const std::string& what) {
    std::cout << (holds ? "passed: " : "failed: ") << what << "\n";
    passed = passed && holds;
  };
  check(alone == together, "four clients get what each gets alone");
  check(alone[0][0].starts_with("200 ") && alone[0][0] != alone[1][0], alone[0][0]);

  // The last line of a stream is the answer, those before it are its pieces.
  std::istringstream lines(post(body(0, 0, true)));
  std::string status, line, last;
  std::size_t pieces = 0;
  lines >> status >> std::ws;
  for (; std::getline(lines, line); last = line) ++pieces;
  check(status == "200" && pieces > 24 && "200 " + last == alone[0][0], "a stream ends alike");

  check(post("{").starts_with("400 "), "a body that is not JSON is refused");
  check(post("{}").starts_with("400 "), "a request without a prompt is refused");
  const auto metrics = httplib::Client("127.0.0.1", port).Get("/metrics");
  const std::string expected = "tutti_requests_finished_total " +
                               std::to_string(2 * kClients * kRequests + 1) + "\n";
  check(metrics && metrics->body.find(expected) != std::string::npos, expected);
  server.stop();
  listener.join();
  return passed;
}
