// SPDX-License-Identifier: Apache-2.0
// An HTTP service: the engine runs in its own thread and answers the requests of all clients in the
// same batches. Needs cpp-httplib (Debian: libcpp-httplib-dev).
//
//   build/demo/examples/http_service [model.gguf or directory [PORT | --self-test]]
//   curl localhost:8080/generate -d '{"prompt": "The sky is", "max_new_tokens": 16}'
//
// POST /generate takes a JSON object with one of "prompt", "messages" and "prompt_tokens"; see
// request_of for the other members. With "stream": true it sends one JSON object per line while it
// generates. GET /metrics reports the engine's statistics to Prometheus. It listens on localhost
// only, and has neither authentication nor TLS: put a proxy in front of it.
#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http_self_test.hpp"
#include "tutti/tutti.hpp"

using Json = nlohmann::json;

tutti::Request request_of(const Json& json) {
  tutti::Request request;
  request.prompt = json.value("prompt", "");
  for (const Json& message : json.value("messages", Json::array()))
    request.messages.push_back({message.at("role"), message.at("content")});
  request.prompt_tokens = json.value("prompt_tokens", std::vector<tutti::Token>());
  request.samples_per_expert = json.value("samples", std::size_t{1});
  request.max_new_tokens = json.value("max_new_tokens", std::size_t{128});
  request.sampling.temperature = json.value("temperature", 1.0F);
  request.seed = json.value("seed", std::uint64_t{0});
  request.priority = json.value("priority", 0);
  return request;
}

Json json_of(const tutti::Result& result) {
  return {{"text", result.text()},
          {"tokens", result.best().tokens},
          {"finish", tutti::finish_reason_name(result.best().finish)},
          {"candidates", result.candidates.size()},
          {"prompt_tokens", result.prompt_tokens.size()}};
}

/// The events of one request on their way from the engine's thread to the client's.
struct EventQueue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Json> events;
};

/// Generates while the response is sent. A client that has gone away stops its request.
void stream_answer(auto& ensemble, tutti::Request request, httplib::Response& response) {
  const auto queue = std::make_shared<EventQueue>();
  request.stream = [queue](const tutti::StreamEvent& event) {
    const std::lock_guard lock(queue->mutex);
    queue->events.push_back(
        {{"expert", event.expert}, {"sample", event.sample}, {"text", event.text}});
    queue->changed.notify_one();
  };
  tutti::StopSource stop;
  request.stop = stop.get_token();
  const auto future = std::make_shared<tutti::Future<tutti::Result>>(ensemble.submit(request));
  response.set_chunked_content_provider(
      "application/x-ndjson", [=](std::size_t, httplib::DataSink& sink) mutable {
        const auto send = [&](const Json& json) {
          const std::string line = json.dump() + "\n";
          if (!sink.write(line.data(), line.size())) stop.request_stop();
        };
        const bool ready = future->ready();  // asked first: all its events are in the queue then
        std::unique_lock lock(queue->mutex);
        queue->changed.wait_for(lock, std::chrono::milliseconds(ready ? 0 : 20),
                                [&] { return !queue->events.empty(); });
        const std::deque<Json> events = std::exchange(queue->events, {});
        lock.unlock();
        for (const Json& event : events) send(event);
        if (!ready) return !stop.stop_requested();
        try {
          send(json_of(future->get()));
        } catch (const std::exception& error) {
          send({{"error", error.what()}});
        }
        sink.done();
        return true;
      });
}

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  const std::string port = argc > 2 ? argv[2] : "8080";
  try {
    const std::vector<std::filesystem::path> paths{path};
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths));
    httplib::Server server;
    server.new_task_queue = [] { return new httplib::ThreadPool(64); };  // clients at a time
    server.Post("/generate", [&](const httplib::Request& call, httplib::Response& response) {
      const auto refuse = [&](int status, const std::exception& error) {
        response.status = status;
        response.set_content(Json{{"error", error.what()}}.dump(), "application/json");
      };
      try {
        const Json json = Json::parse(call.body);
        tutti::Request request = request_of(json);
        if (json.value("stream", false)) return stream_answer(ensemble, request, response);
        const tutti::Result result = ensemble.submit(request).get();
        response.set_content(json_of(result).dump(), "application/json");
      } catch (const Json::exception& error) {
        refuse(400, error);
      } catch (const tutti::OptionError& error) {
        refuse(400, error);
      } catch (const tutti::QueueFullError& error) {
        refuse(503, error);
      } catch (const tutti::CapacityError& error) {  // the prompt is too long
        refuse(400, error);
      } catch (const std::exception& error) {
        refuse(500, error);
      }
    });
    server.Get("/metrics", [&](const httplib::Request&, httplib::Response& response) {
      response.set_content(ensemble.engine().stats().prometheus(), "text/plain; version=0.0.4");
    });

    ensemble.engine().start();
    if (port == "--self-test") return http_self_test(server) ? 0 : 1;
    std::cout << "listening on http://127.0.0.1:" << port << std::endl;
    if (!server.listen("127.0.0.1", std::stoi(port)))
      throw std::runtime_error("cannot listen on port " + port);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
