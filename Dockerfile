# The image of one bizra-node. Build: docker build -t bizra-node .
# Run: docker run -v bizra:/home/node/.bizra-node -p 26656:26656 bizra-node start
# The RPC port listens on loopback inside unless told otherwise: add --rpc.laddr tcp://0.0.0.0:26657 and publish it
# only where you want it reached.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM debian:bookworm-slim
# The pinned Node comes with the dependencies (node_modules/.bin/node); the image brings no other.
RUN useradd --create-home --uid 1000 node
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY bin ./bin
COPY configs ./configs
# Made here so that a fresh volume belongs to the user that writes into it.
RUN mkdir -m 700 /home/node/.bizra-node && chown node:node /home/node/.bizra-node
USER node
VOLUME /home/node/.bizra-node
EXPOSE 26656 26657
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/bin/bizra-node"]
CMD ["start"]
