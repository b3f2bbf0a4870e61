# A gateway as a container of its own: built from the repository's root, run as a user of its own.
#   docker build -f docs/operations/gateway.Dockerfile -t agentbudget-gateway .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/AgentBudget.Gateway.Server -c Release -o /gateway

FROM mcr.microsoft.com/dotnet/aspnet:10.0
COPY --from=build /gateway /gateway
USER $APP_UID
# The file of settings, the credential, keys and certificates are mounted there. It keeps nothing.
ENV AGENTBUDGET_CONFIG=/etc/agentbudget/gateway.json
EXPOSE 7072 7073 7444
STOPSIGNAL SIGTERM
ENTRYPOINT ["dotnet", "/gateway/AgentBudget.Gateway.Server.dll"]
