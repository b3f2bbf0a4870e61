using System.Collections.Frozen;
using AgentBudget.Rpc.Wire;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// What Kestrel calls for every request: finds the method and the protocol and lets the method run, or hands the
/// request to the ordinary routes. No <see cref="HttpContext"/> is made for a call.
/// </summary>
internal sealed class RpcApplication(
    ServerState server,
    RpcServices services,
    RequestDelegate? fallback,
    IServiceScopeFactory scopes) : IHttpApplication<HttpCall>
{
    private readonly FrozenDictionary<string, RpcMethod> _methods =
        services.Methods.ToFrozenDictionary(method => method.Path, StringComparer.Ordinal);

    private readonly FrozenSet<string> _serviceNames =
        services.Services.Select(service => service.FullName).ToFrozenSet(StringComparer.Ordinal);

    private readonly CrossOriginPolicy? _crossOrigin =
        server.Options.AllowedOrigins.Count > 0 ? new CrossOriginPolicy(server.Options.AllowedOrigins) : null;

    /// <inheritdoc/>
    public HttpCall CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<HttpCall> container)
            return new HttpCall(contextFeatures, server);
        return container.HostContext ??= new HttpCall(contextFeatures, server);
    }

    /// <inheritdoc/>
    public Task ProcessRequestAsync(HttpCall context)
    {
        RpcMethod? method = FindMethod(context);
        if (method is null)
            return ProcessUnknownAsync(context);
        IHttpRequestFeature request = context.Request;
        bool isAdmitted = _crossOrigin is not null && _crossOrigin.Admit(request, context.Response);
        if (request.Method != HttpMethods.Post)
            return ProcessOtherVerb(context, method, isAdmitted);
        StringValues contentType = request.Headers.ContentType;
        if (WireProtocols.Of(contentType) is not WireProtocol protocol
            || !WireProtocols.Fits(protocol, method))
        {
            return Refuse(
                context.Response, StatusCodes.Status415UnsupportedMediaType, "accept-post", WireProtocols.Accepted);
        }

        if (protocol == WireProtocol.Grpc && !HttpProtocol.IsHttp2(request.Protocol))
            return Refuse(context.Response, StatusCodes.Status505HttpVersionNotsupported, "upgrade", "h2c");
        return RunMethod(context, method, protocol, query: null);
    }

    /// <inheritdoc/>
    public void DisposeContext(HttpCall context, Exception? exception) => context.Reset();

    /// <summary>A call as a query, or a browser's question whether it may call.</summary>
    private Task ProcessOtherVerb(HttpCall call, RpcMethod method, bool isAdmitted)
    {
        string verb = call.Request.Method;
        if (isAdmitted && verb == HttpMethods.Options
            && CrossOriginPolicy.TryAnswerPreflight(call.Request, call.Response, method.Verbs))
        {
            return Task.CompletedTask;
        }

        if (verb != HttpMethods.Get || !method.IsQuery)
            return Refuse(call.Response, StatusCodes.Status405MethodNotAllowed, "allow", method.Verbs);
        try
        {
            return ConnectQuery.Parse(call.Request.QueryString) is ConnectQuery query
                ? RunMethod(call, method, query.Protocol, query)
                : Refuse(
                    call.Response, StatusCodes.Status415UnsupportedMediaType, "accept-post", WireProtocols.Accepted);
        }
        catch (RpcException malformed)
        {
            call.RefuseQuery(method, malformed);
            return Task.CompletedTask;
        }
    }

    private Task RunMethod(HttpCall context, RpcMethod method, WireProtocol protocol, ConnectQuery? query)
    {
        try
        {
            context.Begin(method, protocol, query);
            if (server.IsDraining)
                throw Faults.Draining();
            Task authorized = server.Guard?.AuthorizeAsync(method, context) ?? Task.CompletedTask;
            if (!authorized.IsCompletedSuccessfully)
                return RunWhenAuthorizedAsync(authorized, context, method);
        }
        catch (Exception failure)
        {
            context.Refuse(failure);
            return Task.CompletedTask;
        }

        return method.RunAsync(context);
    }

    private static async Task RunWhenAuthorizedAsync(Task authorized, HttpCall context, RpcMethod method)
    {
        try
        {
            await authorized;
        }
        catch (Exception failure)
        {
            context.Refuse(failure);
            return;
        }

        await method.RunAsync(context);
    }

    private RpcMethod? FindMethod(HttpCall call)
    {
        string target = call.Request.RawTarget;
        if (call.LastMethod is not null && target == call.LastTarget)
            return call.LastMethod;
        if (!_methods.TryGetValue(call.Request.Path, out RpcMethod? method))
            return null;
        call.LastTarget = target;
        call.LastMethod = method;
        return method;
    }

    private Task ProcessUnknownAsync(HttpCall call)
    {
        string path = call.Request.Path;
        WireProtocol? protocol = WireProtocols.Of(call.Request.Headers.ContentType);
        bool isGrpc = protocol == WireProtocol.Grpc && HttpProtocol.IsHttp2(call.Request.Protocol);
        if (protocol is WireProtocol known && (isGrpc || WireProtocols.IsGrpcWeb(known)))
        {
            _crossOrigin?.Admit(call.Request, call.Response);
            call.AnswerUnknown(known, path);
            return Task.CompletedTask;
        }

        int slash = path.LastIndexOf('/');
        if (slash > 1 && _serviceNames.Contains(path[1..slash]))
        {
            call.AnswerUnknown(protocol ?? WireProtocol.ConnectUnaryJson, path);
            return Task.CompletedTask;
        }

        return fallback is null
            ? Refuse(call.Response, StatusCodes.Status404NotFound, "content-length", "0")
            : RunFallbackAsync(call, fallback);
    }

    /// <summary>An ordinary request, with what ordinary routes expect around it.</summary>
    private async Task RunFallbackAsync(HttpCall call, RequestDelegate route)
    {
        IFeatureCollection features = call.Features;
        if (features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
            bodySize.MaxRequestBodySize = server.Options.MessageBytesMax;
        DefaultHttpContext context = new(features) { ServiceScopeFactory = scopes };
        await route(context);
    }

    private static Task Refuse(IHttpResponseFeature response, int status, string header, string value)
    {
        response.StatusCode = status;
        response.Headers[header] = value;
        return Task.CompletedTask;
    }
}
