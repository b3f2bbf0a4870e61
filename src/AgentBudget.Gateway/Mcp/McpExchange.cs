using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Streams;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>One request at a server of tools, from its sending to the end of its answer.</summary>
/// <param name="services">What all calls share.</param>
/// <param name="server">Where it goes.</param>
/// <param name="spender">Whose it is.</param>
/// <param name="message">What it says; null for one without a body.</param>
/// <param name="scope">The hold of a tool's call; null where nothing is held.</param>
internal sealed class McpExchange(
    GatewayServices services, McpServer server, SessionUse spender, McpMessage? message, BudgetScope? scope)
{
    private const int AnswerBytesMax = 16 * 1024 * 1024;
    private const int ReadBytes = 16 * 1024;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 128, AllowDuplicateProperties = false };

    private ToolScope? _tools;
    private bool _isAnswered;

    public async Task RunAsync(HttpContext http, string? session, ReadOnlyMemory<byte>? body)
    {
        using CancellationTokenSource whole = new(services.Model.Options.CallMax, services.Time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(whole.Token, http.RequestAborted);
        if (message?.Method == McpMessage.ListTools)
            await ScopeAsync(http.RequestAborted);
        try
        {
            using HttpResponseMessage response = await server.SendAsync(
                http.Request, spender.Agent, session, body, stop.Token);
            if (response.IsSuccessStatusCode) UseTool(isSure: false); // It may run from now on.
            await PassAsync(http, response, stop.Token);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            if (http.RequestAborted.IsCancellationRequested) return; // Not a cancellation: the tool runs on.
            throw new CallRefusedException(
                RefusalKind.Upstream, $"The server {server.Name} cannot be reached, or broke off: {fault.Message}");
        }
    }

    private async Task PassAsync(HttpContext http, HttpResponseMessage response, CancellationToken stop)
    {
        // A key of ours that is refused is no fault of the caller's.
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            throw new CallRefusedException(
                RefusalKind.Upstream, $"The server {server.Name} refuses the gateway's key.");
        if ((int)response.StatusCode is >= 300 and < 400)
            throw new CallRefusedException(
                RefusalKind.Upstream, $"The server {server.Name} redirects, which is not followed.");
        http.Response.StatusCode = (int)response.StatusCode;
        if (response.Headers.TryGetValues(McpProxy.SessionHeader, out IEnumerable<string>? ids))
            http.Response.Headers[McpProxy.SessionHeader] =
                services.McpSessions.Bind(ids.First(), server.Name, spender.Session);
        string type = response.Content.Headers.ContentType?.MediaType ?? "";
        if (type.Length > 0) http.Response.ContentType = type;
        await using Stream from = await response.Content.ReadAsStreamAsync(stop);
        if (type == "text/event-stream") await PassStreamAsync(http, from, stop);
        else await PassWholeAsync(http, response, from, stop);
    }

    private async Task PassStreamAsync(HttpContext http, Stream from, CancellationToken stop)
    {
        using SessionWatch.Lease lease = services.Watch.Watch(spender.Token, spender.Session);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(stop, lease.Over);
        try
        {
            await PassEventsAsync(http, from, cut.Token);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            if (http.RequestAborted.IsCancellationRequested) return;
            CallRefusedException why = lease.Over.IsCancellationRequested
                ? lease.Refusal()
                : new CallRefusedException(RefusalKind.Upstream, $"The server {server.Name} broke off.");
            await CutStream.EndAsync(
                http, McpErrors.Event(McpErrors.Error(message?.Id?.DeepClone(), why)), services.Time);
        }
    }

    private async Task PassWholeAsync(
        HttpContext http, HttpResponseMessage response, Stream from, CancellationToken stop)
    {
        ArrayBufferWriter<byte> read = new(ReadBytes);
        int bytes;
        while ((bytes = await from.ReadAsync(read.GetMemory(ReadBytes), stop)) > 0)
        {
            read.Advance(bytes);
            if (read.WrittenCount > AnswerBytesMax) throw new IOException("The answer is too large.");
        }

        ReadOnlyMemory<byte> body = response.IsSuccessStatusCode
            ? await TakeAsync(read.WrittenMemory, stop)
            : read.WrittenMemory;
        await SettleAsync();
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private async Task PassEventsAsync(HttpContext http, Stream from, CancellationToken stop)
    {
        http.Response.Headers["x-accel-buffering"] = "no";
        http.Response.Headers.CacheControl = "no-cache";
        await http.Response.StartAsync(stop);
        await http.Response.Body.FlushAsync(stop);
        EventSplitter splitter = new(AnswerBytesMax);
        byte[] buffer = new byte[ReadBytes];
        int bytes;
        while ((bytes = await from.ReadAsync(buffer, stop)) > 0)
        {
            int taken = 0;
            while (taken < bytes)
            {
                taken += splitter.Take(buffer.AsSpan(taken, bytes - taken), out bool isEvent);
                if (!isEvent) continue;
                // Nobody reads it, so it may show what nobody may see.
                if (splitter.IsTooLarge) throw new IOException("An event is too large.");
                await http.Response.Body.WriteAsync(await PassedAsync(splitter, stop), stop);
                if (_isAnswered) await SettleAsync();
                splitter.Clear();
            }

            await http.Response.Body.FlushAsync(stop);
        }

        await SettleAsync();
    }

    // The event as it came; only a list of tools is changed.
    private async ValueTask<ReadOnlyMemory<byte>> PassedAsync(EventSplitter splitter, CancellationToken stop)
    {
        ReadOnlyMemory<byte> data = splitter.ReadData();
        if (data.Span.IndexOfAnyExcept(" \r\n\t"u8) < 0) return splitter.Event;
        ReadOnlyMemory<byte> taken = await TakeAsync(data, stop);
        if (taken.Equals(data)) return splitter.Event;
        StringBuilder text = new();
        foreach (string line in Encoding.UTF8.GetString(splitter.Event.Span).Split('\n'))
        {
            if (line.TrimEnd('\r') is { Length: > 0 } kept && !kept.StartsWith("data:", StringComparison.Ordinal))
                text.Append(kept).Append('\n');
        }

        text.Append("data: ").Append(Encoding.UTF8.GetString(taken.Span)).Append("\n\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    // Reads what the server says, and answers it as it is passed on.
    private async ValueTask<ReadOnlyMemory<byte>> TakeAsync(ReadOnlyMemory<byte> json, CancellationToken stop)
    {
        if (json.IsEmpty) return json;
        JsonNode? said;
        try
        {
            said = JsonNode.Parse(json.Span, documentOptions: Strict);
        }
        catch (JsonException fault)
        {
            throw new IOException("It said what cannot be read.", fault);
        }

        bool isChanged = false;
        foreach (JsonNode? one in said as JsonArray ?? (IEnumerable<JsonNode?>)[said])
            isChanged |= await TakeAsync(one, stop);
        return isChanged ? JsonSerializer.SerializeToUtf8Bytes(said) : json;
    }

    // True where the message was changed. Streams that are taken up again bring answers to other requests, so a list of
    // tools is known by what it is.
    private async ValueTask<bool> TakeAsync(JsonNode? said, CancellationToken stop)
    {
        bool isAnswer = message is not null && message.IsAnsweredBy(said);
        if (isAnswer && message!.Tool is not null)
        {
            _isAnswered = true;
            // A question to the caller is no end, and an error no call: the next try is held anew.
            bool isCall = said!["result"] is { } result
                && (string?)(result as JsonObject)?["resultType"] != "input_required";
            if (isCall) UseTool(isSure: true);
            else scope?.Use(new CommitTokensRequest { Usage = new TokenUsage() });
            return false;
        }

        bool isOther = isAnswer && message!.Method != McpMessage.ListTools;
        return !isOther && said is JsonObject { } answer && answer["result"] is JsonObject { } told
            && told["tools"] is JsonArray tools && (await ScopeAsync(stop)).Filter(tools);
    }

    private async ValueTask<ToolScope> ScopeAsync(CancellationToken stop) =>
        _tools ??= await ToolScope.OfAsync(services, spender, server.Name, stop);

    private void UseTool(bool isSure)
    {
        if (message?.Tool is { } tool) scope?.Use(ToolMeter.Use($"{server.Name}.{tool}", isSure));
    }

    private async Task SettleAsync()
    {
        if (scope is not null) await scope.DisposeAsync();
    }
}
