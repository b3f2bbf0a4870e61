using System.Text;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Envoy.Authorizations;
using AgentBudget.Gateway.Envoy.Core;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// Envoy's external authorization, for gateways that only gate: whether a call may be made now. Nothing is held and
/// nothing is settled; a refusal is in the caller's dialect.
/// </summary>
internal sealed class AuthorizationCalls(GatewayServices services) : Authorization.AuthorizationBase
{
    private const string Operation = "envoy.authorization";

    /// <inheritdoc/>
    public override async Task<CheckResponse> Check(CheckRequest request, ServerCallContext context)
    {
        long start = services.Time.GetTimestamp();
        await using EnvoyUse use = await services.EnvoyCallers.TakeAsync(
            context.RequestHeaders.GetValue("authorization") ?? "", context.CancellationToken);
        if (request.Attributes?.Request?.Http is not { } told)
            throw new RpcException(new Status(StatusCode.InvalidArgument, "attributes.request.http must be there"));
        HttpRequest http = GatedRequest.Of(told);
        CheckResponse response;
        try
        {
            response = await GateAsync(http, GatedRequest.TryTakeBody(told, http), context.CancellationToken);
        }
        catch (CallRefusedException refusal)
        {
            response = Denied(http, refusal);
        }
        catch (AgentBudgetException fault)
        {
            response = Denied(http, Denials.Of(fault)); // Nobody can say whether it is allowed, so it is not.
        }

        int status = (int)(response.DeniedResponse?.Status.Code ?? Core.StatusCode.Ok);
        services.Telemetry.Ended(Operation, "", status, services.Time.GetElapsedTime(start));
        return response;
    }

    private async Task<CheckResponse> GateAsync(HttpRequest http, bool hasBody, CancellationToken cancellation)
    {
        var context = CallerContext.Of(http);
        using SessionUse spender = await services.Sessions.TakeLiveAsync(http, cancellation);
        Dialect? dialect = GatewayRoutes.DialectOf(http);
        Balance? left = dialect is null ? null
            : hasBody ? await AskAsync(dialect, http, spender, context, cancellation)
            : await RestAsync(spender, cancellation);
        OkHttpResponse ok = new();
        Add(ok.ResponseHeadersToAdd, "x-agentbudget-session", spender.Session);
        if (Denials.LeftOf(left) is { Length: > 0 } text) Add(ok.ResponseHeadersToAdd, "x-agentbudget-left", text);
        return new CheckResponse
        {
            Status = new Google.Rpc.Status(),
            OkResponse = ok,
            DynamicMetadata = new Struct { Fields = { ["session"] = Value.ForString(spender.Session) } },
        };
    }

    // The most that the call can cost, as if it were held.
    private async Task<Balance?> AskAsync(
        Dialect dialect,
        HttpRequest http,
        SessionUse spender,
        CallerContext context,
        CancellationToken cancellation)
    {
        using BodyReader.Held held = await services.Bodies.ReadAsync(http, CallerKey.HashOf(http), cancellation);
        using CallBody body = CallBody.Parse(held.Bytes, dialect.Members);
        CallShape shape = dialect.Read(body, http);
        ReserveTokensResponse answer = await services.Holds.AskAsync(shape, spender, context, cancellation);
        return answer.Decision switch
        {
            Decision.Allow => answer.Balance,
            // It cannot be changed on its way.
            Decision.AllowDowngraded => throw new CallRefusedException(
                RefusalKind.Money,
                $"The budget allows {answer.Reservation.Model} instead of {shape.Model}. Ask for that."),
            _ => throw Denials.Of(answer.Denial ?? new Denial()),
        };
    }

    // A call that nobody shows: whether anything is left.
    private async Task<Balance?> RestAsync(SessionUse spender, CancellationToken cancellation)
    {
        GetBalanceResponse balance = await services.Client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = spender.Token }, cancellation);
        foreach (GrainBalance grain in balance.Grains)
        {
            foreach (GrainBalance window in grain.Windows.Prepend(grain))
            {
                bool isSpent = window is { HasAvailableTokens: true, AvailableTokens: 0 }
                    || window.Available is { Units: 0, Nanos: 0 };
                if (!isSpent) continue;
                throw new CallRefusedException(RefusalKind.Money, $"Nothing is left on {grain.Grain}.")
                {
                    ResetTime = window.ResetTime?.ToDateTimeOffset(),
                    Reason = "NOTHING_LEFT",
                };
            }
        }

        return null;
    }

    private CheckResponse Denied(HttpRequest http, CallRefusedException refusal)
    {
        services.Telemetry.Refused(Operation, refusal.Reason.Length > 0 ? refusal.Reason : refusal.Kind.ToString());
        ErrorAnswer answer = GatewayRoutes.ErrorsOf(http).Answer(
            refusal,
            http.Headers["x-request-id"].ToString(),
            http.Headers.UserAgent.ToString(),
            services.Model.Options.RefusalStatus,
            services.Time.GetUtcNow());
        DeniedHttpResponse denied = new()
        {
            Status = new HttpStatus { Code = (Core.StatusCode)answer.Status },
            Body = Encoding.UTF8.GetString(answer.Body),
        };
        Add(denied.Headers, "content-type", "application/json");
        foreach ((string name, string value) in answer.Headers) Add(denied.Headers, name, HeaderText.Of(value));
        return new CheckResponse
        {
            Status = new Google.Rpc.Status { Code = (int)CodeOf(refusal.Kind), Message = refusal.Message },
            DeniedResponse = denied,
        };
    }

    private static Google.Rpc.Code CodeOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid or RefusalKind.TooLarge => Google.Rpc.Code.InvalidArgument,
        RefusalKind.Unauthenticated => Google.Rpc.Code.Unauthenticated,
        RefusalKind.Forbidden => Google.Rpc.Code.PermissionDenied,
        RefusalKind.NotFound => Google.Rpc.Code.NotFound,
        RefusalKind.Money or RefusalKind.Busy => Google.Rpc.Code.ResourceExhausted,
        RefusalKind.Upstream or RefusalKind.Unavailable => Google.Rpc.Code.Unavailable,
    };

    private static void Add(RepeatedField<HeaderValueOption> headers, string name, string value) =>
        headers.Add(new HeaderValueOption { Header = new HeaderValue { Key = name, Value = value } });
}
