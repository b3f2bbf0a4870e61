using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Sessions;

/// <summary>SessionService: tasks, from their start to their end.</summary>
internal sealed class SessionCalls(ApiContext api, Calls calls) : SessionService.SessionServiceBase
{
    private readonly UnaryHandler<OpenSessionRequest, OpenSessionResponse> _openSession =
        new OpenSession(api).HandleAsync;
    private readonly UnaryHandler<RenewSessionRequest, RenewSessionResponse> _renewSession =
        new ChangeSession(api).RenewAsync;
    private readonly UnaryHandler<EndSessionRequest, EndSessionResponse> _endSession = new ChangeSession(api).EndAsync;
    private readonly UnaryHandler<RevokeSessionRequest, RevokeSessionResponse> _revokeSession =
        new ChangeSession(api).RevokeAsync;
    private readonly UnaryHandler<RevokeSessionsRequest, RevokeSessionsResponse> _revokeSessions =
        new RevokeSessions(api).HandleAsync;
    private readonly UnaryHandler<SuspendSessionRequest, SuspendSessionResponse> _suspendSession =
        new ChangeSession(api).SuspendAsync;
    private readonly UnaryHandler<ResumeSessionRequest, ResumeSessionResponse> _resumeSession =
        new ChangeSession(api).ResumeAsync;
    private readonly UnaryHandler<GetSessionRequest, GetSessionResponse> _getSession = new ReadSessions(api).GetAsync;
    private readonly UnaryHandler<ListSessionsRequest, ListSessionsResponse> _listSessions =
        new ReadSessions(api).ListAsync;
    private readonly WatchSession _watchSession = new(api);

    public override Task<OpenSessionResponse> OpenSession(OpenSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_openSession, request, context);

    public override Task<RenewSessionResponse> RenewSession(RenewSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_renewSession, request, context);

    public override Task<EndSessionResponse> EndSession(EndSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_endSession, request, context);

    public override Task<RevokeSessionResponse> RevokeSession(
        RevokeSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_revokeSession, request, context);

    public override Task<RevokeSessionsResponse> RevokeSessions(
        RevokeSessionsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_revokeSessions, request, context);

    public override Task<SuspendSessionResponse> SuspendSession(
        SuspendSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_suspendSession, request, context);

    public override Task<ResumeSessionResponse> ResumeSession(
        ResumeSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_resumeSession, request, context);

    public override Task<GetSessionResponse> GetSession(GetSessionRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getSession, request, context);

    public override Task<ListSessionsResponse> ListSessions(ListSessionsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_listSessions, request, context);

    public override Task WatchSession(
        WatchSessionRequest request, IServerStreamWriter<WatchSessionResponse> responses, ServerCallContext context) =>
        calls.RunAsync(call => _watchSession.HandleAsync(request, responses, call), context);
}
