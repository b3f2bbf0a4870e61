using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Trailers = System.Collections.Generic.List<System.Collections.Generic.KeyValuePair<string, string>>;

namespace AgentBudget.Rpc.Wire;

/// <summary>Answers as Connect has them: unary as plain HTTP, streams as frames with a closing one.</summary>
internal static class ConnectAnswer
{
    // Nothing here is ever put into a page, so quotes and letters need no escaping beyond JSON's own.
    private static readonly JsonWriterOptions WriterOptions =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static void WriteUnary(
        IHttpResponseFeature response,
        PipeWriter body,
        WireProtocol protocol,
        IMessage message,
        Trailers? trailers,
        JsonMessages json,
        bool takesGzip)
    {
        AddTrailers(response.Headers, trailers);
        response.Headers.ContentType = WireProtocols.ResponseContentType(protocol);
        byte[]? text = protocol == WireProtocol.ConnectUnaryJson ? json.Format(message) : null;
        int length = text?.Length ?? message.CalculateSize();
        if (takesGzip && length >= ResponseEncoding.CompressBytesMin)
        {
            ReadOnlySpan<byte> compressed =
                text is null ? ResponseEncoding.Compress(message, length) : ResponseEncoding.Compress(text);
            ResponseEncoding.Announce(protocol, response.Headers);
            response.Headers.ContentLength = compressed.Length;
            body.Write(compressed);
            return;
        }

        response.Headers.ContentLength = length;
        if (text is null)
            MessageFrame.WriteBare(body, message, length);
        else
            body.Write(text);
    }

    internal static void WriteUnaryError(
        IHttpResponseFeature response, PipeWriter body, RpcException error, Trailers? trailers, JsonMessages json)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter writer = new(text, WriterOptions))
            WriteError(writer, error, json);
        AddTrailers(response.Headers, trailers);
        response.StatusCode = ConnectCode.HttpStatusOf(error.StatusCode);
        response.Headers.ContentType = WireProtocols.JsonContentType;
        response.Headers.ContentLength = text.WrittenCount;
        if (error.StatusCode == RpcStatusCode.Unauthenticated)
            response.Headers.WWWAuthenticate = "Bearer";
        if (error.StatusCode == RpcStatusCode.Unimplemented)
            response.Headers.AcceptEncoding = "gzip";
        body.Write(text.WrittenSpan);
    }

    /// <summary>Writes the closing frame of a stream: the error, if any, and the trailers.</summary>
    internal static void WriteEndOfStream(PipeWriter body, RpcException? error, Trailers? trailers, JsonMessages json)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter writer = new(text, WriterOptions))
        {
            writer.WriteStartObject();
            if (error is not null)
            {
                writer.WritePropertyName("error");
                WriteError(writer, error, json);
            }

            if (trailers is not null)
                WriteMetadata(writer, trailers);
            writer.WriteEndObject();
        }

        MessageFrame.Write(body, MessageFrame.ConnectEndOfStream, text.WrittenSpan);
    }

    private static void WriteError(Utf8JsonWriter writer, RpcException error, JsonMessages json)
    {
        writer.WriteStartObject();
        writer.WriteString("code", ConnectCode.NameOf(error.StatusCode));
        if (error.Status.Message.Length > 0)
            writer.WriteString("message", error.Status.Message);
        if (error.Status.Details.Count > 0)
        {
            writer.WriteStartArray("details");
            foreach (Any detail in error.Status.Details)
                WriteDetail(writer, detail, json);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void WriteDetail(Utf8JsonWriter writer, Any detail, JsonMessages json)
    {
        writer.WriteStartObject();
        writer.WriteString("type", Any.GetTypeName(detail.TypeUrl));
        writer.WriteString("value", BinaryMetadata.Encode(detail.Value.Span));
        if (json.TryFormatAny(detail) is byte[] readable)
        {
            writer.WritePropertyName("debug");
            writer.WriteRawValue(readable);
        }

        writer.WriteEndObject();
    }

    private static void WriteMetadata(Utf8JsonWriter writer, Trailers trailers)
    {
        writer.WriteStartObject("metadata");
        for (int i = 0; i < trailers.Count; i++)
        {
            string name = trailers[i].Key;
            if (trailers.FindIndex(trailer => trailer.Key == name) < i)
                continue;
            writer.WriteStartArray(name);
            foreach (KeyValuePair<string, string> trailer in trailers)
            {
                if (trailer.Key == name)
                    writer.WriteStringValue(trailer.Value);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void AddTrailers(IHeaderDictionary headers, Trailers? trailers)
    {
        if (trailers is null)
            return;
        foreach (KeyValuePair<string, string> trailer in trailers)
            headers.Append("trailer-" + trailer.Key, trailer.Value);
    }
}
