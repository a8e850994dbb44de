# VICP in a container: verify, identify, the gallery commands and the page, by ONNX Runtime, without PyTorch.
#
#   docker build -t vicp .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8377:8377 -v "$PWD/data:/data" -e VICP_TOKEN=a-secret-of-16-letters vicp
#
# Teaching a category takes PyTorch: do it with `pip install vicp`, and give the prompt to `vicp gallery create --prompt`.
FROM python:3.13-slim

WORKDIR /opt/vicp
COPY constraints.txt docker/runtime.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt --requirement runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-deps .

RUN useradd --create-home --uid 1000 vicp && mkdir /data && chown vicp /data
USER vicp
ENV VICP_CACHE=/data/cache HF_HUB_OFFLINE=1
VOLUME /data
EXPOSE 8377
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8377/health/live', timeout=2)"]
ENTRYPOINT ["vicp"]
CMD ["serve", "/data/gallery", "--host", "0.0.0.0"]
