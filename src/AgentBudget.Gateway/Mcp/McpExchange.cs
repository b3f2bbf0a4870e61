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

    private ToolScope? _tools;
    private bool _isAnswered;

    public async Task RunAsync(HttpContext http, string? session, ReadOnlyMemory<byte>? body)
    {
        using CancellationTokenSource whole = new(services.Model.Options.CallMax, services.Time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(whole.Token, http.RequestAborted);
        if (message?.Method == McpMessage.ListTools)
            _tools = await ToolScope.OfAsync(services, spender, server.Name, http.RequestAborted);
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

        ReadOnlyMemory<byte> body = response.IsSuccessStatusCode ? Take(read.WrittenMemory) : read.WrittenMemory;
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
        EventSplitter splitter = new();
        byte[] buffer = new byte[ReadBytes];
        int bytes;
        while ((bytes = await from.ReadAsync(buffer, stop)) > 0)
        {
            int taken = 0;
            while (taken < bytes)
            {
                taken += splitter.Take(buffer.AsSpan(taken, bytes - taken), out bool isEvent);
                if (!isEvent) continue;
                await http.Response.Body.WriteAsync(Passed(splitter), stop);
                if (_isAnswered) await SettleAsync();
                splitter.Clear();
            }

            await http.Response.Body.FlushAsync(stop);
        }

        await SettleAsync();
    }

    // The event as it came; only a list of tools is changed.
    private ReadOnlyMemory<byte> Passed(EventSplitter splitter)
    {
        ReadOnlyMemory<byte> data = splitter.ReadData();
        if (data.IsEmpty || message is null) return splitter.Event;
        ReadOnlyMemory<byte> taken = Take(data);
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

    // Reads a message of the server's, and answers it as it is passed on.
    private ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> json)
    {
        if (message is null || (message.Tool is null && _tools is null)) return json;
        JsonNode? answer;
        try
        {
            answer = JsonNode.Parse(json.Span);
        }
        catch (JsonException)
        {
            return json; // The server's fault: the caller gets it as it is.
        }

        if (!message.IsAnsweredBy(answer)) return json;
        if (message.Tool is not null)
        {
            _isAnswered = true;
            // A question to the caller is no end, and an error no call: the next try is held anew.
            bool isCall = answer!["result"] is { } result && (string?)result["resultType"] != "input_required";
            if (isCall) UseTool(isSure: true);
            else scope?.Use(new CommitTokensRequest { Usage = new TokenUsage() });
            return json;
        }

        return answer!["result"]?["tools"] is JsonArray tools && _tools!.Filter(tools)
            ? JsonSerializer.SerializeToUtf8Bytes(answer)
            : json;
    }

    private void UseTool(bool isSure)
    {
        if (message?.Tool is { } tool) scope?.Use(ToolMeter.Use($"{server.Name}.{tool}", isSure));
    }

    private async Task SettleAsync()
    {
        if (scope is not null) await scope.DisposeAsync();
    }
}
