using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// A call of Messages as one of Converse. What Converse has no word for is refused by name and never left out, but for
/// what changes no answer.
/// </summary>
internal sealed class ConverseCall
{
    // These change no answer: the path says the model and whether it streams, and the price list is the ordinary one.
    private static readonly HashSet<string> Dropped =
        new(["model", "stream", "metadata", "service_tier"], StringComparer.Ordinal);

    private int _documents;

    private ConverseCall()
    {
    }

    /// <summary>The body as Converse takes it.</summary>
    /// <param name="messages">The body of Messages.</param>
    /// <exception cref="CallRefusedException">Converse cannot say it.</exception>
    public static byte[] Of(ReadOnlyMemory<byte> messages)
    {
        try
        {
            return JsonSerializer.SerializeToUtf8Bytes(
                new ConverseCall().BodyOf(JsonNode.Parse(messages.Span)!.AsObject()));
        }
        catch (Exception fault) when (fault is InvalidOperationException or FormatException)
        {
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The body is not one of Messages: {fault.Message}");
        }
    }

    private JsonObject BodyOf(JsonObject call)
    {
        JsonObject body = [], inference = [], further = [];
        foreach ((string name, JsonNode? value) in call)
        {
            if (value is null || Dropped.Contains(name)) continue;
            switch (name)
            {
                case "messages":
                    body["messages"] = new JsonArray([.. value.AsArray().Select(MessageOf)]);
                    break;
                case "system":
                    body["system"] = BlocksOf(value, "system", SystemOf);
                    break;
                case "max_tokens":
                    inference["maxTokens"] = value.DeepClone();
                    break;
                case "temperature":
                    inference["temperature"] = value.DeepClone();
                    break;
                case "top_p":
                    inference["topP"] = value.DeepClone();
                    break;
                case "stop_sequences":
                    inference["stopSequences"] = value.DeepClone();
                    break;
                case "tools":
                    if (value.AsArray().Count > 0) body["toolConfig"] = ToolsOf(value.AsArray(), call["tool_choice"]);
                    break;
                case "tool_choice":
                    break; // Beside the tools.
                case "thinking":
                    if ((string?)value["type"] != "disabled") further["thinking"] = value.DeepClone();
                    break;
                case "top_k":
                    further["top_k"] = value.DeepClone();
                    break;
                default:
                    throw Unknown(name);
            }
        }

        if (inference.Count > 0) body["inferenceConfig"] = inference;
        if (further.Count > 0) body["additionalModelRequestFields"] = further;
        return body;
    }

    private JsonNode MessageOf(JsonNode? message) => new JsonObject
    {
        ["role"] = (string?)message?["role"],
        ["content"] = BlocksOf(
            message?["content"] ?? throw new InvalidOperationException("a message has no content."),
            "content",
            ContentOf),
    };

    // A text, or blocks, each with the point up to which it is cached.
    private static JsonArray BlocksOf(JsonNode given, string where, Func<JsonObject, JsonObject> convert)
    {
        if (given is JsonValue) return new JsonArray(new JsonObject { ["text"] = (string?)given });
        JsonArray blocks = [];
        foreach (JsonNode? block in given.AsArray())
        {
            if (block is not JsonObject told)
                throw new InvalidOperationException($"{where} holds what is no block.");
            blocks.Add(convert(told));
            AddCachePoint(blocks, told);
        }

        return blocks;
    }

    private static void AddCachePoint(JsonArray after, JsonObject block)
    {
        if (block["cache_control"] is not JsonObject control) return;
        JsonObject point = new() { ["type"] = "default" };
        if ((string?)control["ttl"] is { } ttl) point["ttl"] = ttl;
        after.Add(new JsonObject { ["cachePoint"] = point });
    }

    private static JsonObject SystemOf(JsonObject block) => (string?)block["type"] == "text"
        ? new JsonObject { ["text"] = (string?)block["text"] }
        : throw Unknown($"a block of system of the type {(string?)block["type"]}");

    private JsonObject ContentOf(JsonObject block)
    {
        string type = (string?)block["type"] ?? "";
        return type switch
        {
            "text" => new JsonObject { ["text"] = (string?)block["text"] },
            "image" => new JsonObject { ["image"] = ImageOf(block) },
            "document" => new JsonObject { ["document"] = DocumentOf(block) },
            "tool_use" => new JsonObject
            {
                ["toolUse"] = new JsonObject
                {
                    ["toolUseId"] = (string?)block["id"],
                    ["name"] = (string?)block["name"],
                    ["input"] = block["input"]?.DeepClone() ?? new JsonObject(),
                },
            },
            "tool_result" => new JsonObject { ["toolResult"] = ResultOf(block) },
            "thinking" => Reasoning("reasoningText", new JsonObject
            {
                ["text"] = (string?)block["thinking"],
                ["signature"] = (string?)block["signature"],
            }),
            "redacted_thinking" => Reasoning("redactedContent", (string?)block["data"]),
            _ => throw Unknown($"a block of the type {type}"),
        };
    }

    private static JsonObject Reasoning(string member, JsonNode? value) => new()
    {
        ["reasoningContent"] = new JsonObject { [member] = value },
    };

    private JsonObject ResultOf(JsonObject block)
    {
        JsonObject result = new()
        {
            ["toolUseId"] = (string?)block["tool_use_id"],
            ["content"] = block["content"] is { } content ? BlocksOf(content, "tool_result", ContentOf) : [],
        };
        if ((bool?)block["is_error"] == true) result["status"] = "error";
        return result;
    }

    private static JsonObject ImageOf(JsonObject block)
    {
        JsonNode? source = block["source"];
        string type = (string?)source?["type"] == "base64" ? (string?)source["media_type"] ?? "" : "";
        const string prefix = "image/";
        if (!type.StartsWith(prefix, StringComparison.Ordinal)) throw Unknown("an image that is not in the call");
        return new JsonObject
        {
            ["format"] = type[prefix.Length..],
            ["source"] = new JsonObject { ["bytes"] = (string?)source!["data"] },
        };
    }

    private JsonObject DocumentOf(JsonObject block)
    {
        JsonNode? source = block["source"];
        (string format, string bytes) = ((string?)source?["type"], (string?)source?["media_type"]) switch
        {
            ("base64", "application/pdf") => ("pdf", (string?)source["data"] ?? ""),
            ("text", _) => ("txt", Convert.ToBase64String(Encoding.UTF8.GetBytes((string?)source["data"] ?? ""))),
            _ => throw Unknown("a document that is no PDF and no text in the call"),
        };
        return new JsonObject
        {
            ["format"] = format,
            ["name"] = $"document {++_documents}", // One is asked for, and the model reads it.
            ["source"] = new JsonObject { ["bytes"] = bytes },
        };
    }

    private static JsonObject ToolsOf(JsonArray tools, JsonNode? choice)
    {
        JsonArray specs = [];
        foreach (JsonNode? tool in tools)
        {
            if (tool is not JsonObject told || (string?)told["type"] is not (null or "custom"))
                throw Unknown($"a tool of the type {(string?)tool?["type"]}");
            JsonObject spec = new()
            {
                ["name"] = (string?)told["name"],
                ["inputSchema"] = new JsonObject { ["json"] = told["input_schema"]?.DeepClone() },
            };
            if ((string?)told["description"] is { Length: > 0 } description) spec["description"] = description;
            specs.Add(new JsonObject { ["toolSpec"] = spec });
            AddCachePoint(specs, told);
        }

        JsonObject config = new() { ["tools"] = specs };
        if (choice is not null) config["toolChoice"] = ChoiceOf(choice);
        return config;
    }

    private static JsonObject ChoiceOf(JsonNode choice) => (string?)choice["type"] switch
    {
        "auto" => new JsonObject { ["auto"] = new JsonObject() },
        "any" => new JsonObject { ["any"] = new JsonObject() },
        "tool" => new JsonObject { ["tool"] = new JsonObject { ["name"] = (string?)choice["name"] } },
        string other => throw Unknown($"tool_choice {other}"),
        null => throw Unknown("tool_choice without a type"),
    };

    private static CallRefusedException Unknown(string what) => new(
        RefusalKind.Invalid, $"Converse of Bedrock, which serves this model, has no word for {what}. Leave it out.");
}
