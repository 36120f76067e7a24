# A small image with DocDB alone: built sources, run-time dependencies, no root.

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Install scripts only bring another Node.js and tools for development.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY gen gen
COPY src src
RUN node scripts/build.ts && npm prune --omit=dev --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
RUN mkdir -p /data /run/docdb && chown node:node /data /run/docdb && chmod 700 /data /run/docdb
USER node
VOLUME ["/data", "/run/docdb"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/docdb.js"]
CMD ["serve", "--data-dir", "/data", "--socket", "/run/docdb/docdb.sock"]
